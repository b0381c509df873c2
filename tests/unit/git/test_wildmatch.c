/* SPDX-License-Identifier: MIT */
#include "git/wildmatch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* git's patterns, with what people get wrong about them. */

static void test_matches(void **state)
{
	static const char *const pairs[][2] = {
		{ "a", "a" },
		{ "*", "" },
		{ "*", "anything" },
		{ "*.rb", ".rb" },
		{ "a*b*c", "aXbYc" },
		{ "?", "x" },
		{ "a/*/b", "a/x/b" },
		{ "**/b", "b" },
		{ "**/b", "x/y/b" },
		{ "a/**", "a/x/y" },
		{ "a/**/b", "a/b" },
		{ "a/**/b", "a/x/y/b" },
		{ "[abc]", "b" },
		{ "[a-c]x", "bx" },
		{ "[!a-c]", "d" },
		{ "[^a-c]", "d" },
		{ "[]]", "]" },
		{ "[]-a]", "^" },
		{ "[a-]", "-" },
		{ "[\\]]", "]" },
		{ "[[:digit:]x]", "7" },
		{ "[[:digit:]x]", "x" },
		{ "[![:space:]]", "x" },
		{ "\\*", "*" },
		{ "\\a", "a" },
		{ "한*", "한글" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (!wildmatch_is_match(pairs[i][0], pairs[i][1]))
			fail_msg("'%s' does not match '%s'", pairs[i][0], pairs[i][1]);
}

static void test_does_not_match(void **state)
{
	static const char *const pairs[][2] = {
		{ "a", "b" },         { "a", "" },
		{ "", "a" },          { "*", "a/b" },
		{ "*.rb", "a/b.rb" }, { "?", "/" },
		{ "?", "" },          { "[!a]", "/" },
		{ "a/**", "a" },      { "a**/c", "ax/b/c" },
		{ "**a", "x/a" },     { "[a", "a" },
		{ "[a", "[a" },       { "[[:nonsense:]]", "a" },
		{ "[[:digit:", "1" }, { "\\", "\\" },
		{ "A", "a" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (wildmatch_is_match(pairs[i][0], pairs[i][1]))
			fail_msg("'%s' matches '%s'", pairs[i][0], pairs[i][1]);
}

/* Without the short cuts this would not end in our time. */
static void test_many_asterisks(void **state)
{
	char pattern[200] = "", text[400] = "";

	(void)state;
	for (int i = 0; i < 40; i++)
		strcat(pattern, "a*");
	strcat(pattern, "b");
	memset(text, 'a', sizeof(text) - 1);
	assert_false(wildmatch_is_match(pattern, text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_does_not_match),
		cmocka_unit_test(test_many_asterisks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
