/* SPDX-License-Identifier: MIT */
#include "git/attributes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What the lines of .gitattributes say of a path. */

static enum attribute_state look_up(const char *text, const char *path, bool is_directory)
{
	enum attribute_state state = ATTRIBUTE_UNSPECIFIED;
	const struct attribute_value *values;
	struct attributes attributes;

	attributes_init(&attributes);
	attributes_enter(&attributes, 0, text);
	values = attributes_look_up(&attributes, path, is_directory);
	if (values)
		state = values[ATTRIBUTE_EXPORT_IGNORE].state;
	attributes_done(&attributes);
	return state;
}

static void test_lines(void **state)
{
	static const struct {
		const char *text, *path;
		enum attribute_state state;
	} cases[] = {
		{ "a export-ignore", "a", ATTRIBUTE_TRUE },
		{ "a export-ignore", "b/a", ATTRIBUTE_TRUE },
		{ "/a export-ignore", "b/a", ATTRIBUTE_UNSPECIFIED },
		{ "b/a export-ignore", "b/a", ATTRIBUTE_TRUE },
		{ "b/a export-ignore", "c/b/a", ATTRIBUTE_UNSPECIFIED },
		{ "a/ export-ignore", "a", ATTRIBUTE_UNSPECIFIED },
		{ "a -export-ignore", "a", ATTRIBUTE_FALSE },
		{ "a !export-ignore", "a", ATTRIBUTE_UNSET },
		{ "a export-ignore=x", "a", ATTRIBUTE_TEXT_VALUE },
		{ "a export-ignore\na -export-ignore", "a", ATTRIBUTE_FALSE },
		{ "a export-ignore -export-ignore", "a", ATTRIBUTE_FALSE },
		{ " \ta\texport-ignore\r\n", "a", ATTRIBUTE_TRUE },
		{ "# a export-ignore", "a", ATTRIBUTE_UNSPECIFIED },
		{ "!a export-ignore", "a", ATTRIBUTE_UNSPECIFIED },
		{ "a export-ignore bad$name", "a", ATTRIBUTE_UNSPECIFIED },
		{ "\"a b\" export-ignore", "a b", ATTRIBUTE_TRUE },
		{ "\"\\141\\tb\" export-ignore", "a\tb", ATTRIBUTE_TRUE },
		{ "a m\n[attr]m export-ignore", "a", ATTRIBUTE_TRUE },
		{ "a -m\n[attr]m export-ignore", "a", ATTRIBUTE_UNSPECIFIED },
		{ "[attr]m m2\n[attr]m2 export-ignore m\na m", "a", ATTRIBUTE_TRUE },
		{ "[attr]m export-ignore\n[attr]m text\na m", "a",
		  ATTRIBUTE_UNSPECIFIED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (look_up(cases[i].text, cases[i].path, false) != cases[i].state)
			fail_msg("'%s' of '%s'", cases[i].text, cases[i].path);
}

static void test_directories(void **state)
{
	(void)state;
	assert_int_equal(look_up("a/ export-ignore", "a", true), ATTRIBUTE_TRUE);
	assert_int_equal(look_up("/b/a/ export-ignore", "b/a", true), ATTRIBUTE_TRUE);
	assert_int_equal(look_up("a export-ignore", "a", true), ATTRIBUTE_TRUE);
}

static void test_a_line_that_is_too_long(void **state)
{
	char line[2100];

	(void)state;
	memset(line, ' ', sizeof(line));
	memcpy(line, "a export-ignore", 15);
	line[2048] = '\0';
	assert_int_equal(look_up(line, "a", false), ATTRIBUTE_UNSPECIFIED);
	line[2047] = '\0';
	assert_int_equal(look_up(line, "a", false), ATTRIBUTE_TRUE);
}

static void test_the_nearest_file_counts(void **state)
{
	const struct attribute_value *values;
	struct attributes attributes;

	(void)state;
	attributes_init(&attributes);
	assert_null(attributes_look_up(&attributes, "a", false));
	attributes_enter(&attributes, 0, "*.rb export-ignore text\n");
	attributes_enter(&attributes, 4, "/x.rb -export-ignore\n[attr]m export-ignore\n");
	values = attributes_look_up(&attributes, "lib/x.rb", false);
	assert_int_equal(values[ATTRIBUTE_EXPORT_IGNORE].state, ATTRIBUTE_FALSE);
	assert_int_equal(values[ATTRIBUTE_TEXT].state, ATTRIBUTE_TRUE);
	values = attributes_look_up(&attributes, "lib/y/x.rb", false);
	assert_int_equal(values[ATTRIBUTE_EXPORT_IGNORE].state, ATTRIBUTE_TRUE);
	attributes_leave(&attributes);
	values = attributes_look_up(&attributes, "lib/x.rb", false);
	assert_int_equal(values[ATTRIBUTE_EXPORT_IGNORE].state, ATTRIBUTE_TRUE);
	attributes_done(&attributes);
}

/* Most files in the world: nothing in them is about exports, nothing is looked up. */
static void test_what_concerns_no_export_costs_nothing(void **state)
{
	struct attributes attributes;

	(void)state;
	attributes_init(&attributes);
	attributes_enter(&attributes, 0, "*.rb diff=ruby\nvendor/* linguist-vendored\n");
	assert_null(attributes_look_up(&attributes, "a.rb", false));
	attributes_done(&attributes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_directories),
		cmocka_unit_test(test_a_line_that_is_too_long),
		cmocka_unit_test(test_the_nearest_file_counts),
		cmocka_unit_test(test_what_concerns_no_export_costs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
