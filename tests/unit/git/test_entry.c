/* SPDX-License-Identifier: MIT */
#include "git/entry.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Which names and link targets of a tree may become files. */

static void test_ordinary_names_are_safe(void **state)
{
	static const char *const names[] = {
		"a",   ".gitignore", ".github", "...",      "..a",
		"git", ".git.",      "a b",     "한글.txt", "-rf",
		"~",   "\\",         "\n",      "COM1",     ".gitmodules",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_true(entry_is_safe_name(names[i]));
}

static void test_names_that_leave_are_not(void **state)
{
	static const char *const names[] = { "",     ".",    "..",   "/",
					     "/etc", "a/b",  "../a", ".git",
					     ".GIT", ".gIt", "a/" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_false(entry_is_safe_name(names[i]));
}

static void test_targets(void **state)
{
	static char longest[PATH_MAX];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	assert_true(entry_is_safe_target("../../etc/passwd", 16));
	assert_true(entry_is_safe_target(longest, PATH_MAX - 1));
	assert_false(entry_is_safe_target(longest, PATH_MAX));
	assert_false(entry_is_safe_target("", 0));
	assert_false(entry_is_safe_target("a\0b", 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ordinary_names_are_safe),
		cmocka_unit_test(test_names_that_leave_are_not),
		cmocka_unit_test(test_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
