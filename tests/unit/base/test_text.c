/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"

#include <string.h>

/* What foreign text must pass before it reaches a path, an argument or a line. */

#define HEX_40 "0123456789abcdef0123456789abcdef01234567"
#define HEX_64 HEX_40 "0123456789abcdef01234567"

static void format_and_copy_are_the_callers(void **state)
{
	autofree char *text = text_format("%s/%d", "releases", 7);
	autofree char *copy = text_copy(text);

	(void)state;
	assert_string_equal(copy, "releases/7");
	assert_ptr_not_equal(copy, text);
	assert_null(text_copy(NULL));
}

static void null_equals_only_null(void **state)
{
	(void)state;
	assert_true(text_is_equal("a", "a"));
	assert_false(text_is_equal("a", "b"));
	assert_false(text_is_equal("a", NULL));
	assert_false(text_is_equal(NULL, ""));
	assert_true(text_is_equal(NULL, NULL));
}

static void revisions_are_full_lower_case_ids(void **state)
{
	const char *const wrong[] = {
		"",         "main",
		"0123456",  HEX_40 "0",
		HEX_64 "0", HEX_40 "\n",
		" " HEX_40, "0123456789ABCDEF0123456789ABCDEF01234567",
		HEX_40 "g", "g123456789abcdef0123456789abcdef01234567",
	};

	(void)state;
	assert_true(text_is_revision(HEX_40));
	assert_true(text_is_revision(HEX_64));
	assert_false(text_is_revision(NULL));
	assert_false(text_is_revision(HEX_40 + 1));
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
		assert_false(text_is_revision(wrong[i]));
}

static void names_are_one_safe_path_component(void **state)
{
	const char *const wrong[] = { "",    ".",   "..",  ".hidden",   "-rf",  "a/b",
				      "a b", "a\n", "a%b", "a\xc3\xa9", "a\\b", "a:b" };
	char name[NAME_MAX_BYTES + 2];

	(void)state;
	assert_true(text_is_name("20260101000000"));
	assert_true(text_is_name("im8-api_v1.2"));
	assert_true(text_is_name("a..b"));
	assert_false(text_is_name(NULL));
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
		assert_false(text_is_name(wrong[i]));
	memset(name, 'x', sizeof(name));
	name[NAME_MAX_BYTES] = '\0';
	assert_true(text_is_name(name));
	name[NAME_MAX_BYTES] = 'x';
	name[NAME_MAX_BYTES + 1] = '\0';
	assert_false(text_is_name(name));
}

static void printable_is_ascii_without_blanks(void **state)
{
	(void)state;
	assert_true(text_is_printable("AQAEA!~=="));
	assert_false(text_is_printable(NULL));
	assert_false(text_is_printable(""));
	assert_false(text_is_printable("a b"));
	assert_false(text_is_printable("a\x7f"));
	assert_false(text_is_printable("a\r\nX-Header: b"));
	assert_false(text_is_printable("\xc3\xa9"));
}

static void made_printable(const char *text, const char *wanted)
{
	autofree char *copy = text_copy(text);

	text_make_printable(copy);
	assert_string_equal(copy, wanted);
}

static void make_printable_keeps_characters(void **state)
{
	(void)state;
	made_printable("", "");
	made_printable("plain 'text'", "plain 'text'");
	/* two, three and four bytes, at both ends of their ranges */
	made_printable("\xc2\xa0\xdf\xbf", "\xc2\xa0\xdf\xbf");
	made_printable("\xe0\xa0\x80\xed\x9f\xbf\xef\xbf\xbf",
		       "\xe0\xa0\x80\xed\x9f\xbf\xef\xbf\xbf");
	made_printable("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
		       "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
}

static void make_printable_replaces_the_rest(void **state)
{
	(void)state;
	made_printable("a\tb\n\x1b\x7f", "a b   ");
	made_printable("\xc2\x9b"
		       "31m",
		       "  31m");
	made_printable("\xff\xfe\x80", "\?\?\?");
	/* overlong, surrogate, beyond the last, and half ones at the end */
	made_printable("\xc0\xaf\xc1\xbf", "\?\?\?\?");
	made_printable("\xe0\x9f\xbf", "\?\?\?");
	made_printable("\xf0\x8f\xbf\xbf", "\?\?\?\?");
	made_printable("\xed\xa0\x80", "\?\?\?");
	made_printable("\xf4\x90\x80\x80\xf5", "\?\?\?\?\?");
	made_printable("a\xed\x95", "a\?\?");
	made_printable("\xf0\x90\x80"
		       "a",
		       "\?\?\?"
		       "a");
}

static void trim_cuts_the_end_only(void **state)
{
	char text[] = "  a b \t\r\n\n";
	char blank[] = " \n";
	char empty[] = "";

	(void)state;
	text_trim_end(text);
	assert_string_equal(text, "  a b");
	text_trim_end(blank);
	assert_string_equal(blank, "");
	text_trim_end(empty);
	assert_string_equal(empty, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format_and_copy_are_the_callers),
		cmocka_unit_test(null_equals_only_null),
		cmocka_unit_test(revisions_are_full_lower_case_ids),
		cmocka_unit_test(names_are_one_safe_path_component),
		cmocka_unit_test(printable_is_ascii_without_blanks),
		cmocka_unit_test(make_printable_keeps_characters),
		cmocka_unit_test(make_printable_replaces_the_rest),
		cmocka_unit_test(trim_cuts_the_end_only),
	};

	return cmocka_run_group_tests_name("base_text", tests, NULL, NULL);
}
