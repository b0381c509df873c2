/* SPDX-License-Identifier: MIT */
#include "state/releases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/scratch.h"

#include <errno.h>

/* The truth about releases, on disk and in hand. */

#define REVISION_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define REVISION_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define FILE_NAME "releases.json"

static void add(struct releases *releases, const char *name, const char *revision,
		enum release_state release_state)
{
	release_record_set(releases_add(releases, name, revision), release_state, "i-1",
			   "boot-1");
}

static void no_file_is_an_empty_list(void **state)
{
	const struct scratch *scratch = *state;
	struct releases releases = { 0 };
	struct error err = { 0 };

	assert_int_equal(releases_load(scratch->fd, &releases, &err), 0);
	assert_int_equal(releases.count, 0);
	assert_null(releases_last_good(&releases, NULL));
	assert_null(releases_find(&releases, "1"));
	releases_remove(&releases, "1");
	releases_done(&releases);
}

static void what_is_saved_is_loaded(void **state)
{
	const struct scratch *scratch = *state;
	struct releases saved = { 0 }, loaded = { 0 };
	struct error err = { 0 };

	add(&saved, "20261124055728", REVISION_A, RELEASE_GOOD);
	add(&saved, "20261124060000", REVISION_B, RELEASE_PREPARED);
	release_record_set(releases_add(&saved, "20261124070000", REVISION_B),
			   RELEASE_MAKING, NULL, NULL);
	saved.items[0].is_left = true;
	assert_int_equal(releases_save(scratch->fd, &saved, &err), 0);
	releases_done(&saved);
	assert_int_equal(releases_load(scratch->fd, &loaded, &err), 0);
	assert_int_equal(loaded.count, 3);
	assert_string_equal(loaded.items[0].name, "20261124055728");
	assert_string_equal(loaded.items[0].revision, REVISION_A);
	assert_int_equal(loaded.items[0].state, RELEASE_GOOD);
	assert_string_equal(loaded.items[0].instance_id, "i-1");
	assert_string_equal(loaded.items[0].boot_id, "boot-1");
	assert_true(loaded.items[0].is_left);
	assert_int_equal(loaded.items[1].state, RELEASE_PREPARED);
	assert_false(loaded.items[1].is_left);
	assert_int_equal(loaded.items[2].state, RELEASE_MAKING);
	assert_null(loaded.items[2].instance_id);
	releases_done(&loaded);
	releases_done(&loaded);
}

static void file_is_replaced_whole_and_readable(void **state)
{
	const struct scratch *scratch = *state;
	struct releases releases = { 0 };
	struct error err = { 0 };
	struct stat status;

	add(&releases, "1", REVISION_A, RELEASE_GOOD);
	assert_int_equal(releases_save(scratch->fd, &releases, &err), 0);
	releases_remove(&releases, "1");
	assert_int_equal(releases_save(scratch->fd, &releases, &err), 0);
	assert_int_equal(scratch_count(scratch), 1);
	assert_int_equal(fstatat(scratch->fd, FILE_NAME, &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0644);
	releases_done(&releases);
	assert_int_equal(releases_load(scratch->fd, &releases, &err), 0);
	assert_int_equal(releases.count, 0);
	releases_done(&releases);
}

static void damaged_file_is_told_and_left(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"{}",
		"{\"releases\": {}}",
		"{\"releases\": [1]}",
		"{\"releases\": [{\"release\": \"1\", \"state\": \"good\"}]}",
		"{\"releases\": [{\"release\": \"1\", \"revision\": \"" REVISION_A
		"\"}]}",
		"{\"releases\": [{\"release\": \"1\", \"revision\": \"" REVISION_A
		"\", \"state\": \"best\"}]}",
		"{\"releases\": [{\"release\": \"../1\", \"revision\": \"" REVISION_A
		"\", \"state\": \"good\"}]}",
		"{\"releases\": [{\"release\": \"1\", \"revision\": \"" REVISION_A
		"\", \"state\": \"good\"}, {\"release\": \"2\"}]}",
	};
	const struct scratch *scratch = *state;

	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		struct releases releases = { 0 };
		struct error err = { 0 };

		assert_int_equal(scratch_put(scratch, FILE_NAME, texts[i],
					     strlen(texts[i])),
				 0);
		assert_int_equal(releases_load(scratch->fd, &releases, &err), -EBADMSG);
		assert_string_equal(
			err.text,
			"var/lib/bootagent/releases.json is damaged: move it away, and "
			"the next run knows of the current release only");
		assert_int_equal(releases.count, 0);
		assert_int_equal(scratch_count(scratch), 1);
	}
}

static void file_has_a_maximum(void **state)
{
	const struct scratch *scratch = *state;
	struct releases releases = { 0 };
	struct error err = { 0 };

	assert_int_equal(scratch_put(scratch, FILE_NAME, "", 0), 0);
	assert_int_equal(truncate(strcat(strcpy((char[64]){ 0 }, scratch->path),
					 "/" FILE_NAME),
				  1024 * 1024 + 1),
			 0);
	assert_int_equal(releases_load(scratch->fd, &releases, &err), -EFBIG);
	assert_int_equal(err.code, -EFBIG);
}

static void latest_good_one_is_found(void **state)
{
	struct releases releases = { 0 };

	(void)state;
	add(&releases, "1", REVISION_A, RELEASE_GOOD);
	add(&releases, "2", REVISION_A, RELEASE_GOOD);
	add(&releases, "3", REVISION_A, RELEASE_PREPARED);
	add(&releases, "4", REVISION_A, RELEASE_MAKING);
	assert_string_equal(releases_last_good(&releases, NULL)->name, "2");
	assert_string_equal(releases_last_good(&releases, "3")->name, "2");
	assert_string_equal(releases_last_good(&releases, "2")->name, "1");
	releases_remove(&releases, "1");
	assert_null(releases_last_good(&releases, "2"));
	/* Nobody's proof, but it served. */
	add(&releases, "5", REVISION_A, RELEASE_ADOPTED);
	assert_string_equal(releases_last_good(&releases, NULL)->name, "5");
	releases_done(&releases);
}

static void complete_release_of_a_revision_is_found(void **state)
{
	struct releases releases = { 0 };

	(void)state;
	add(&releases, "1", REVISION_A, RELEASE_GOOD);
	add(&releases, "2", REVISION_A, RELEASE_PREPARED);
	add(&releases, "3", REVISION_A, RELEASE_MAKING);
	add(&releases, "4", REVISION_B, RELEASE_MAKING);
	assert_string_equal(releases_find_revision(&releases, REVISION_A)->name, "2");
	assert_null(releases_find_revision(&releases, REVISION_B));
	releases_done(&releases);
}

static void records_come_and_go(void **state)
{
	struct releases releases = { 0 };

	(void)state;
	add(&releases, "1", REVISION_A, RELEASE_GOOD);
	add(&releases, "2", REVISION_A, RELEASE_GOOD);
	add(&releases, "3", REVISION_A, RELEASE_GOOD);
	releases_remove(&releases, "2");
	releases_remove(&releases, "2");
	assert_int_equal(releases.count, 2);
	assert_null(releases_find(&releases, "2"));
	assert_string_equal(releases.items[1].name, "3");
	/* a new one begins blank, whatever stood in its place */
	(void)releases_add(&releases, "4", REVISION_B);
	assert_int_equal(releases.items[2].state, RELEASE_MAKING);
	assert_null(releases.items[2].boot_id);
	/* a name is there once, with what was said of it last */
	add(&releases, "1", REVISION_A, RELEASE_GOOD);
	(void)releases_add(&releases, releases.items[0].name, REVISION_B);
	assert_int_equal(releases.count, 3);
	assert_string_equal(releases.items[2].name, "3");
	assert_ptr_equal(releases_find(&releases, "3"), &releases.items[2]);
	assert_string_equal(releases.items[2].revision, REVISION_B);
	assert_int_equal(releases.items[2].state, RELEASE_MAKING);
	/* from its own texts too */
	release_record_set(&releases.items[1], RELEASE_PREPARED,
			   releases.items[1].instance_id, releases.items[1].boot_id);
	assert_string_equal(releases.items[1].instance_id, "i-1");
	releases_done(&releases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(no_file_is_an_empty_list),
		scratch_test(what_is_saved_is_loaded),
		scratch_test(file_is_replaced_whole_and_readable),
		scratch_test(damaged_file_is_told_and_left),
		scratch_test(file_has_a_maximum),
		cmocka_unit_test(latest_good_one_is_found),
		cmocka_unit_test(complete_release_of_a_revision_is_found),
		cmocka_unit_test(records_come_and_go),
	};

	return cmocka_run_group_tests_name("state_releases", tests, NULL, NULL);
}
