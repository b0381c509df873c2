/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

/* Clocks in milliseconds, the record's date, and deadlines that cannot add up or wrap. */

static void clocks_go_forward_in_milliseconds(void **state)
{
	struct timespec now;
	int64_t first_ms = clock_monotonic_ms();

	(void)state;
	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	assert_in_range(now.tv_sec * 1000 + now.tv_nsec / 1000000 - first_ms, 0, 1000);
	assert_true(clock_monotonic_ms() >= first_ms);
	/* suspends count: never behind */
	assert_true(clock_boottime_ms() >= first_ms);
	assert_in_range(time(NULL) * 1000 + 2000 - clock_realtime_ms(), 0, 3000);
}

static void dates_are_rfc3339_in_utc(void **state)
{
	char text[CLOCK_TEXT_BYTES];

	(void)state;
	assert_int_equal(setenv("TZ", "Asia/Seoul", 1), 0);
	tzset();
	clock_format_utc(0, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000Z");
	clock_format_utc(INT64_C(1795499848123), text);
	assert_string_equal(text, "2026-11-24T05:57:28.123Z");
	clock_format_utc(INT64_C(951782400007), text);
	assert_string_equal(text, "2000-02-29T00:00:00.007Z");
	clock_format_utc(INT64_C(253402300799999), text);
	assert_string_equal(text, "9999-12-31T23:59:59.999Z");
	assert_int_equal(unsetenv("TZ"), 0);
}

static void dates_are_read_as_aws_writes_them(void **state)
{
	static const char *const others[] = {
		"",
		"2026-11-24",
		"2026-11-24T05:57:28",
		"2026-11-24T05:57:28.123Z",
		"2026-11-24T05:57:28Z ",
		" 2026-11-24T05:57:28Z",
		/* strptime() takes these */
		"2026-02-31T05:57:28Z",
		"2016-12-31T23:59:60Z",
		"2026- 1- 4T 5: 7: 8Z",
		"2026-1-4T5:7:8Z",
		"0000-01-01T00:00:00Z",
		"40-01-01T00:00:00Z",
	};

	(void)state;
	assert_int_equal(clock_parse_utc("2026-11-24T05:57:28Z"), INT64_C(1795499848000));
	assert_int_equal(clock_parse_utc("2000-02-29T00:00:00Z"), INT64_C(951782400000));
	assert_int_equal(clock_parse_utc("1969-12-31T23:59:59Z"), -1000);
	assert_int_equal(clock_parse_utc(NULL), 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(clock_parse_utc(others[i]), 0);
}

static void deadline_runs_out(void **state)
{
	(void)state;
	assert_true(deadline_is_over(deadline_in(0)));
	assert_int_equal(deadline_left_ms(deadline_in(0)), 0);
	assert_true(deadline_is_over(deadline_in(-5000)));
	assert_int_equal(deadline_left_ms(deadline_in(-5000)), 0);
	assert_false(deadline_is_over(deadline_in(60000)));
	assert_in_range(deadline_left_ms(deadline_in(60000)), 59000, 60000);
}

static void deadline_beyond_all_time_stays_there(void **state)
{
	(void)state;
	assert_int_equal(deadline_in(INT64_MAX).at_ms, INT64_MAX);
	assert_false(deadline_is_over(deadline_in(INT64_MAX)));
	assert_true(deadline_left_ms(deadline_in(INT64_MAX)) > INT64_MAX / 2);
	assert_true(deadline_is_over(deadline_in(INT64_MIN)));
}

static void sooner_of_two(void **state)
{
	struct deadline early = { .at_ms = 5 };
	struct deadline late = { .at_ms = 6 };

	(void)state;
	assert_int_equal(deadline_sooner(early, late).at_ms, 5);
	assert_int_equal(deadline_sooner(late, early).at_ms, 5);
	assert_int_equal(deadline_sooner(late, late).at_ms, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clocks_go_forward_in_milliseconds),
		cmocka_unit_test(dates_are_rfc3339_in_utc),
		cmocka_unit_test(dates_are_read_as_aws_writes_them),
		cmocka_unit_test(deadline_runs_out),
		cmocka_unit_test(deadline_beyond_all_time_stays_there),
		cmocka_unit_test(sooner_of_two),
	};

	return cmocka_run_group_tests_name("base_clock", tests, NULL, NULL);
}
