/* SPDX-License-Identifier: MIT */
#include "config/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "config/config.h"
#include "config/value.h"

#include <string.h>

/* The table: parser, manual and schema trust it, so it must not contradict itself. */

/* Calls check for the rows of a table and of the tables of its lists. */
static void for_each_key(const struct config_key *keys, size_t size_bytes,
			 void (*check)(const struct config_key *keys,
				       const struct config_key *key, size_t size_bytes))
{
	for (const struct config_key *key = keys; key->name; key++) {
		check(keys, key, size_bytes);
		if (key->type == CONFIG_LIST)
			for_each_key(key->members, key->member_size_bytes, check);
	}
}

static void check_words(const struct config_key *keys, const struct config_key *key,
			size_t size_bytes)
{
	(void)keys;
	(void)size_bytes;
	assert_non_null(key->help);
	assert_in_range(key->help[0], 'A', 'Z');
	assert_int_equal(key->help[strlen(key->help) - 1], '.');
	assert_null(strchr(key->help, '\n'));
	/* a word more would break the manual's line */
	assert_in_range(strlen(key->help), 10, 80);
	assert_int_equal(strspn(key->name, "$abcdefghijklmnopqrstuvwxyz_."),
			 strlen(key->name));
}

static void every_key_is_explained(void **state)
{
	(void)state;
	for_each_key(config_keys, sizeof(struct config), check_words);
}

static void check_unique(const struct config_key *keys, const struct config_key *key,
			 size_t size_bytes)
{
	size_t length = strlen(key->name);

	assert_true(key->offset < size_bytes);
	for (const struct config_key *other = keys; other->name; other++) {
		if (other == key)
			continue;
		assert_string_not_equal(other->name, key->name);
		if (!key->is_for_merging && !other->is_for_merging)
			assert_int_not_equal(other->offset, key->offset);
		/* a key is no section at the same time */
		assert_false(strncmp(other->name, key->name, length) == 0 &&
			     other->name[length] == '.');
	}
}

static void names_and_places_are_unique(void **state)
{
	(void)state;
	for_each_key(config_keys, sizeof(struct config), check_unique);
}

static void check_shape(const struct config_key *keys, const struct config_key *key,
			size_t size_bytes)
{
	bool has_limits = key->type == CONFIG_COUNT || key->type == CONFIG_TIME ||
		key->type == CONFIG_SIZE;

	(void)keys;
	(void)size_bytes;
	if (has_limits)
		assert_true(key->minimum < key->maximum);
	else
		assert_true(key->minimum == 0 && key->maximum == 0);
	/* a number cannot be absent: it has a default, or it must be given */
	if (has_limits || key->type == CONFIG_WORD)
		assert_true(key->fallback || key->is_required);
	assert_false(key->fallback && key->is_required);
	assert_int_equal(key->type == CONFIG_WORD, key->words != NULL);
	assert_int_equal(key->type == CONFIG_LIST, key->members != NULL);
	assert_int_equal(key->type == CONFIG_LIST, key->member_size_bytes > 0);
	assert_false(key->is_for_merging && (key->is_required || key->fallback));
	assert_true(!key->fallback_directory || key->type == CONFIG_PATH);
	assert_true(!key->identity || key_find(key->members, key->identity));
}

static void rows_are_complete(void **state)
{
	(void)state;
	for_each_key(config_keys, sizeof(struct config), check_shape);
}

static void check_fallback(const struct config_key *keys, const struct config_key *key,
			   size_t size_bytes)
{
	union {
		int64_t number;
		char *text;
		struct config_texts texts;
	} place = { .texts = { 0 } };
	autojson struct json_object *value = NULL;
	struct value_fault fault = { .from = 0 };

	(void)keys;
	(void)size_bytes;
	if (!key->fallback)
		return;
	value = key_default(key, NULL);
	assert_int_equal(value_read(key, value, &place, &fault), 0);
	assert_true(value_is_set(key, &place));
	value_free(key, &place);
}

static void fallbacks_pass_their_own_limits(void **state)
{
	(void)state;
	for_each_key(config_keys, sizeof(struct config), check_fallback);
}

static void assert_nearest(const char *wanted, const char *name)
{
	char *near = key_nearest(config_keys, wanted);

	if (name)
		assert_string_equal(near, name);
	else
		assert_null(near);
	free(near);
}

static void nearest_key_is_found(void **state)
{
	(void)state;
	assert_nearest("source.brnach", "source.branch");
	assert_nearest("aplication", "application");
	assert_nearest("Boot", "boot");
	assert_nearest("branch", "source.branch");
	assert_nearest("application.repo_url", "source.repo_url");
	/* the one in its own section, though another has that name, too */
	assert_nearest("readiness.time_out", "readiness.timeout");
	assert_nearest("schema", "$schema");
	assert_nearest("x", NULL);
	assert_nearest("nothing-like-it", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_explained),
		cmocka_unit_test(names_and_places_are_unique),
		cmocka_unit_test(rows_are_complete),
		cmocka_unit_test(fallbacks_pass_their_own_limits),
		cmocka_unit_test(nearest_key_is_found),
	};

	return cmocka_run_group_tests_name("config_keys", tests, NULL, NULL);
}
