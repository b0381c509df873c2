/* SPDX-License-Identifier: MIT */
#include "tree/requirement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void examples(void **state)
{
	static const struct {
		const char *requirement, *version;
		int expected;
	} rows[] = {
		{ "3.2.2", "3.2.2", 1 },
		{ "3.2", "3.2.2", 0 },
		{ "3.2", "3.2.0", 1 },
		{ "~> 3.1", "3.2.2", 1 },
		{ "~> 3.1", "4.0", 0 },
		{ "~> 3.1.2", "3.1.7", 1 },
		{ "~> 3.1.2", "3.2.0", 0 },
		{ "~>3.1.2", "3.1.1", 0 },
		{ "~> 3", "3.9", 1 },
		{ ">= 3.1.2", "3.1.10", 1 },
		{ "< 3.2", "3.2.0.rc1", 1 },
		{ ">= 3.2.0", "3.2.0-preview1", 0 },
		{ "!= 3.1.7", "3.1.7", 0 },
		{ " = 3.1.7\n", "3.1.7", 1 },
		{ "3.2.2-p20", "3.2.2", 0 },
		{ "ruby-3.2.2", "3.2.2", -EINVAL },
		{ "=> 3", "3", -EINVAL },
		{ "", "3", -EINVAL },
		{ "3.", "3", -EINVAL },
		{ "3..1", "3", -EINVAL },
		{ "3", "", -EINVAL },
		{ "3 x", "3", -EINVAL },
		{ "3-", "3", -EINVAL },
		{ "12345678901234567890", "3", -EINVAL },
		{ "1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1", "3", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(requirement_is_met(rows[i].requirement, rows[i].version),
				 rows[i].expected);
}

/* Every requirement with every version, as RubyGems itself decides it. */
#define TABLE                                                                       \
	"ruby -rrubygems -e '"                                                      \
	"v = %w[0 1 1.0 1.0.0 1.1 1.10 2.9.9 3 3.0 3.1 3.1.0 3.1.2 3.1.7 3.2 "      \
	"3.2.0 3.2.10 3.3.0.rc1 3.3.0.preview2 3.3.0-p20 3.3.0.0.rc1 3.3.0.a.0 "    \
	"3.3.0 3.10 4 1.a 1.a.1 1.0.a 1.b2 1.a10 1-1 1-a-b 1-a.0 0.a 3.RC1 "        \
	"3.1.2a 03.1 3.01.2]; "                                                     \
	"[\"\", \"=\", \"!=\", \">\", \"<\", \">=\", \"<=\", \"~>\", \"~> \"]."     \
	"each { |o| v.each { |r| q = Gem::Requirement.new(o + r); v.each { |x| "    \
	"puts [o + r, x, q.satisfied_by?(Gem::Version.new(x)) ? 1 : 0].join(\"|\")" \
	"} } }'"

static void as_rubygems_decides(void **state)
{
	char *line = NULL;
	size_t size_bytes = 0;
	int rows = 0, wrong = 0;
	FILE *table = popen(TABLE, "r");

	(void)state;
	assert_non_null(table);
	while (getline(&line, &size_bytes, table) > 0) {
		char *rest = line;
		const char *requirement = strsep(&rest, "|");
		const char *version = strsep(&rest, "|");
		int expected = atoi(rest);

		rows++;
		if (requirement_is_met(requirement, version) == expected)
			continue;
		wrong++;
		print_message("'%s' and %s: RubyGems says %d\n", requirement, version,
			      expected);
	}
	free(line);
	assert_int_equal(pclose(table), 0);
	assert_int_equal(wrong, 0);
	assert_int_equal(rows, 9 * 37 * 37);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples),
		cmocka_unit_test(as_rubygems_decides),
	};

	return cmocka_run_group_tests_name("tree_requirement", tests, NULL, NULL);
}
