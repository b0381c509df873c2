/* SPDX-License-Identifier: MIT */
#include "base/near.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Which name was meant. */

static void distance_counts_letters(void **state)
{
	(void)state;
	assert_int_equal(near_distance("", ""), 0);
	assert_int_equal(near_distance("main", "main"), 0);
	assert_int_equal(near_distance("main", "master"), 4);
	assert_int_equal(near_distance("brnach", "branch"), 2);
	assert_int_equal(near_distance("", "abc"), 3);
	assert_int_equal(near_distance("abc", ""), 3);
	assert_int_equal(near_distance("timeout", "time_out"), 1);
}

static void long_names_are_far_away(void **state)
{
	char longest[NEAR_NAME_MAX_BYTES + 1], longer[NEAR_NAME_MAX_BYTES + 2];

	(void)state;
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(near_distance(longest, longest), 0);
	assert_int_equal(near_distance(longer, longer), NEAR_NAME_MAX_BYTES);
	assert_int_equal(near_distance("a", longer), NEAR_NAME_MAX_BYTES);
}

static void nearest_is_named_if_it_was_meant(void **state)
{
	static const char *const names[] = { "boot", "branch", "brunch", "repo_url",
					     NULL };
	static const char *const none[] = { NULL };

	(void)state;
	assert_string_equal(near_of("branhc", names), "branch");
	assert_string_equal(near_of("brunch", names), "brunch");
	/* the first of two that are as near */
	assert_string_equal(near_of("brinch", names), "branch");
	assert_string_equal(near_of("Boot", names), "boot");
	assert_null(near_of("x", names));
	assert_null(near_of("deadline", names));
	assert_null(near_of("", names));
	assert_null(near_of("boot", none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distance_counts_letters),
		cmocka_unit_test(long_names_are_far_away),
		cmocka_unit_test(nearest_is_named_if_it_was_meant),
	};

	return cmocka_run_group_tests_name("base_near", tests, NULL, NULL);
}
