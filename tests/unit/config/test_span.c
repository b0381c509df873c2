/* SPDX-License-Identifier: MIT */
#include "config/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

/* Time spans in systemd's spelling. */

static void spans_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} spans[] = {
		{ "0", 0 },
		{ "90", 90000 },
		{ "500ms", 500 },
		{ "7msec", 7 },
		{ "15m", 900000 },
		{ "15min", 900000 },
		{ "1h 30m", 5400000 },
		{ "1h30m", 5400000 },
		{ "  2 hours  5 s ", 7205000 },
		{ "1d", 86400000 },
		{ "2weeks", 1209600000 },
		{ "1m 1m", 120000 },
		{ "9223372036854775807ms", INT64_MAX },
		{ "000001s", 1000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		int64_t ms = -1;

		assert_int_equal(span_parse(spans[i].text, &ms), 0);
		assert_int_equal(ms, spans[i].ms);
	}
}

static void what_is_no_span_is_refused(void **state)
{
	static const char *const texts[] = {
		"",    " ",           "m",   "-1s",   "+1s",      "1.5h", "0x10",
		"1x",  "1 fortnight", "1M",  "1 s s", "1,5",      "1\ts", "1y",
		"1us", "s1",          "1s;", "1s\n",  "infinity",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int64_t ms = -1;

		assert_int_equal(span_parse(texts[i], &ms), -EINVAL);
		assert_int_equal(ms, -1);
	}
}

static void what_does_not_fit_is_refused(void **state)
{
	static const char *const texts[] = {
		"9223372036854775808",
		"9223372036854775807s",
		"99999999999999999999999999ms",
		"9223372036854775807ms 1ms",
		"15250284453 weeks",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int64_t ms = -1;

		assert_int_equal(span_parse(texts[i], &ms), -ERANGE);
		assert_int_equal(ms, -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_are_read),
		cmocka_unit_test(what_is_no_span_is_refused),
		cmocka_unit_test(what_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests_name("config_span", tests, NULL, NULL);
}
