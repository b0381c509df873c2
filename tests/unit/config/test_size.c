/* SPDX-License-Identifier: MIT */
#include "config/size.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"

#include <errno.h>

static void sizes_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes;
	} cases[] = {
		{ "0", 0 },
		{ "100", 100 },
		{ "4K", 4096 },
		{ "500M", INT64_C(524288000) },
		{ "2G", INT64_C(2147483648) },
		{ "9223372036854775807", INT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		int64_t bytes = -1;

		assert_int_equal(size_parse(cases[i].text, &bytes), 0);
		assert_int_equal(bytes, cases[i].bytes);
	}
}

static void others_are_refused(void **state)
{
	static const char *const cases[] = { "",    "G",   "1g", "1 G", " 1", "-1",
					     "1.5", "1GB", "1T", "0x1", "1 " };
	int64_t bytes;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		assert_int_equal(size_parse(cases[i], &bytes), -EINVAL);
	assert_int_equal(size_parse("9223372036854775808", &bytes), -ERANGE);
	assert_int_equal(size_parse("9007199254740992K", &bytes), -ERANGE);
}

static void the_shortest_way_is_written(void **state)
{
	static const struct {
		int64_t bytes;
		const char *text;
	} cases[] = { { 0, "0" },
		      { 1, "1" },
		      { 1024, "1K" },
		      { 1025, "1025" },
		      { INT64_C(3) << 20, "3M" },
		      { INT64_C(1) << 40, "1024G" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		autofree char *text = size_format(cases[i].bytes);

		assert_string_equal(text, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_read),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(the_shortest_way_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
