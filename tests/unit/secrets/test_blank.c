/* SPDX-License-Identifier: MIT */
#include "secrets/blank.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/text.h"
#include "secrets/secrets_types.h"

#include <string.h>

/* What a step printed, and what of it may be shown. */

static char key[] = "-----BEGIN KEY-----\nfirst-line\r\nshort\nlast-line-of-it\n";
static char whole[] = "abcdefgh-ijklmnop";
static char part[] = "ijklmnop";
static char overlapping[] = "mnop/qrst";
static char seven[] = "1234567";
static char variable[] = "DATABASE_URL=postgres://im8:hunter2@db/im8?a=b";
static char no_value[] = "EMPTY=";

static void what_is_known_is_blanked(void **state)
{
	static const struct {
		const char *text, *expected;
	} texts[] = {
		{ "", "" },
		{ "nothing to see", "nothing to see" },
		{ "ijklmnop", "[secret]" },
		{ "a ijklmnop b\nijklmnop", "a [secret] b\n[secret]" },
		{ "ijklmnopijklmnop.", "[secret]." },
		{ "<abcdefgh-ijklmnop>", "<[secret]>" },
		{ "<abcdefgh-ijklmnop/qrst>", "<[secret]>" },
		{ "abcdefgh-ijklmno", "abcdefgh-ijklmno" },
		{ "1234567", "1234567" },
		{ "DATABASE_URL=postgres://im8:hunter2@db/im8?a=b",
		  "DATABASE_URL=[secret]" },
		{ "-----BEGIN KEY-----\nfirst-line\r\nshort\nlast-line-of-it\n",
		  "[secret]" },
		{ "first-line\nshort\n| last-line-of-it", "[secret]\nshort\n| [secret]" },
	};
	struct secret items[] = {
		{ .value = key },  { .value = part },        { .value = whole },
		{ .value = NULL }, { .value = overlapping }, { .value = seven },
	};
	char *variables[] = { variable, no_value };
	const struct secrets secrets = {
		.items = items,
		.count = ARRAY_COUNT(items),
		.variables = { .items = variables, .count = ARRAY_COUNT(variables) },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		autofree char *text = text_copy(texts[i].text);

		blank_secrets(&secrets, text, false);
		assert_string_equal(text, texts[i].expected);
	}
}

static void nothing_is_left_behind_the_end(void **state)
{
	struct secret items[] = { { .value = whole } };
	const struct secrets secrets = { .items = items, .count = 1 };
	char text[] = "abcdefgh-ijklmnop abcdefgh-ijklmnop";

	(void)state;
	blank_secrets(&secrets, text, false);
	assert_string_equal(text, "[secret] [secret]");
	for (size_t i = strlen(text); i < sizeof(text); i++)
		assert_int_equal(text[i], '\0');
}

/* The kept end of a long output begins anywhere, in the middle of a secret, too. */
static void the_end_of_a_secret_begins_a_cut_text(void **state)
{
	static const struct {
		const char *text, *expected;
	} texts[] = {
		{ "bcdefgh-ijklmnop and more", "[secret] and more" },
		{ "h-ijklmnop", "[secret]" },
		{ "jklmnop is too short to tell", "jklmnop is too short to tell" },
		{ "rst-line\r\nshort\nlast-line-of-it\n|", "[secret]|" },
		{ "rst-line\nshort", "[secret]\nshort" },
		{ "st-line-of-it", "[secret]" },
		{ "a bcdefgh-ijklmno", "a bcdefgh-ijklmno" },
	};
	struct secret items[] = { { .value = key }, { .value = whole } };
	const struct secrets secrets = { .items = items, .count = ARRAY_COUNT(items) };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		autofree char *text = text_copy(texts[i].text);

		blank_secrets(&secrets, text, true);
		assert_string_equal(text, texts[i].expected);
	}
}

static void without_secrets_a_text_stays(void **state)
{
	char text[] = "abcdefgh-ijklmnop";

	(void)state;
	blank_secrets(NULL, text, false);
	assert_string_equal(text, "abcdefgh-ijklmnop");
}

/* Cut wherever: no part of a secret shows, and what is no secret stays. */
static void a_part_shows_no_part_of_a_secret(void **state)
{
	static const char text[] = "..abcdefgh-ijklmnop..";
	struct secret items[] = { { .value = whole } };
	const struct secrets secrets = { .items = items, .count = 1 };

	(void)state;
	for (size_t from = 0; from < sizeof(text); from++)
		for (size_t to = from; to < sizeof(text); to++) {
			autofree char *cut = text_copy(text);
			autofree char *expected = NULL;
			bool has_secret = from < 19 && to > 2 && from < to;
			int before = from < 2 ? (int)((to < 2 ? to : 2) - from) : 0;
			int after = to > 19 ? (int)(to - (from > 19 ? from : 19)) : 0;

			blank_secrets_between(&secrets, cut, from, to);
			expected = text_format("%.*s%s%.*s", before, "..",
					       has_secret ? "[secret]" : "", after, "..");
			assert_string_equal(cut, expected);
		}
	assert_int_equal(blank_longest_bytes(&secrets), 17);
	assert_int_equal(blank_longest_bytes(NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_known_is_blanked),
		cmocka_unit_test(nothing_is_left_behind_the_end),
		cmocka_unit_test(the_end_of_a_secret_begins_a_cut_text),
		cmocka_unit_test(without_secrets_a_text_stays),
		cmocka_unit_test(a_part_shows_no_part_of_a_secret),
	};

	return cmocka_run_group_tests_name("blank", tests, NULL, NULL);
}
