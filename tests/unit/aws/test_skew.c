/* SPDX-License-Identifier: MIT */
#include "aws/skew.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "net/retry.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Which refusals mean the clock, how far it is off, and when it is right again. */

static void refusals_for_the_clock_are_known(void **state)
{
	(void)state;
	assert_true(skew_is_meant("SignatureDoesNotMatch",
				  "Signature expired: 20261124T000000Z is now earlier "
				  "than 20261124T000500Z"));
	assert_true(skew_is_meant("SignatureDoesNotMatch",
				  "Signature not yet current: x is still later than y"));
	assert_true(skew_is_meant("InvalidSignatureException", "Signature expired: x"));
	assert_true(skew_is_meant("RequestTimeTooSkewed", NULL));
	assert_true(skew_is_meant("RequestExpired", ""));
	assert_false(skew_is_meant("SignatureDoesNotMatch",
				   "The request signature we calculated does not match"));
	assert_false(skew_is_meant("SignatureDoesNotMatch", NULL));
	assert_false(skew_is_meant("AccessDenied", "Signature expired"));
}

static struct skew noted(int64_t ahead_s)
{
	time_t seconds = (time_t)(clock_realtime_ms() / 1000 + ahead_s);
	struct skew skew = { 0 };
	char date[64];
	struct tm utc;

	(void)gmtime_r(&seconds, &utc);
	(void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &utc);
	skew_note(&skew, date);
	return skew;
}

static void offset_is_told_in_words(void **state)
{
	struct skew skew = noted(433);
	char text[SKEW_TEXT_BYTES];

	(void)state;
	/* the Date has no fractions */
	skew_format(&skew, text);
	assert_true(strcmp(text, "7 min 12 s behind AWS's") == 0 ||
		    strcmp(text, "7 min 13 s behind AWS's") == 0);
	skew = noted(-7350);
	skew_format(&skew, text);
	assert_string_equal(text, "2 h 2 min ahead of AWS's");
	skew = (struct skew){ 0 };
	skew_note(&skew, NULL);
	skew_format(&skew, text);
	assert_string_equal(text, "far from AWS's");
	skew_note(&skew, "yesterday or so");
	skew_format(&skew, text);
	assert_string_equal(text, "far from AWS's");
}

static void date_that_is_none_is_no_offset(void **state)
{
	static const char *const dates[] = { NULL,
					     "",
					     "today",
					     "Thu, 01 Jan 1970 00:00:00 GMT",
					     "1 Jan 10000 00:00:00 GMT",
					     "1 Jan 2011000110" };
	char text[SKEW_TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		struct skew skew = { 0 };

		skew_note(&skew, dates[i]);
		assert_false(skew.is_known);
		assert_false(skew_is_over(&skew));
		skew_format(&skew, text);
		assert_string_equal(text, "far from AWS's");
	}
}

static void set_clock_is_seen(void **state)
{
	struct skew skew = noted(433);

	(void)state;
	assert_false(skew_is_over(&skew));
	/* as if the wall clock had been put forward */
	skew.aws_ahead_of_monotonic_ms -= 433000;
	assert_true(skew_is_over(&skew));
}

static void aws_is_asked_now_and_then(void **state)
{
	struct skew skew = noted(433);
	int64_t now_ms = clock_monotonic_ms();

	(void)state;
	assert_in_range(skew.ask_again_ms - now_ms, 1900, 2000);
	for (int i = 0; i < 8; i++)
		skew_note(&skew, NULL);
	assert_in_range(skew.ask_again_ms - now_ms, 29000, 31000);
	assert_false(skew_is_over(&skew));
	skew.ask_again_ms = now_ms;
	assert_true(skew_is_over(&skew));
}

static char told[512];

static void hear(void *userdata, const char *line)
{
	size_t used = strlen(told);

	(void)userdata;
	(void)snprintf(told + used, sizeof(told) - used, "%s\n", line);
}

static void one_line_at_each_end(void **state)
{
	const struct retry_listener listener = { .tell = hear };
	struct skew skew = noted(11430);

	(void)state;
	skew_tell(&skew, &listener, true);
	assert_string_equal(told, "");
	skew_tell(&skew, &listener, false);
	skew_tell(&skew, &listener, false);
	skew_tell(&skew, &listener, true);
	skew_tell(&skew, &listener, true);
	assert_non_null(strstr(told, "behind AWS's: waiting for it to be set\n"));
	assert_non_null(strstr(told, "\nAWS accepts the clock: going on\n"));
	assert_int_equal(strlen(told),
			 strlen("the clock is 3 h 10 min behind AWS's: waiting for it to "
				"be set\nAWS accepts the clock: going on\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals_for_the_clock_are_known),
		cmocka_unit_test(offset_is_told_in_words),
		cmocka_unit_test(date_that_is_none_is_no_offset),
		cmocka_unit_test(set_clock_is_seen),
		cmocka_unit_test(aws_is_asked_now_and_then),
		cmocka_unit_test(one_line_at_each_end),
	};

	return cmocka_run_group_tests_name("aws_skew", tests, NULL, NULL);
}
