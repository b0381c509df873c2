/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/*
 * Time, in milliseconds. Waits and budgets use the monotonic clock, because the wall
 * clock of a freshly launched instance may jump by minutes when chrony corrects it.
 */

static int64_t read_clock_ms(clockid_t clock)
{
	struct timespec now;
	int result = clock_gettime(clock, &now);

	assert(result == 0);
	(void)result;
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_monotonic_ms(void)
{
	return read_clock_ms(CLOCK_MONOTONIC);
}

int64_t clock_boottime_ms(void)
{
	return read_clock_ms(CLOCK_BOOTTIME);
}

int64_t clock_realtime_ms(void)
{
	return read_clock_ms(CLOCK_REALTIME);
}

void clock_format_utc(int64_t realtime_ms, char ret_text[static CLOCK_TEXT_BYTES])
{
	time_t seconds = (time_t)(realtime_ms / 1000);
	char date[24];
	struct tm utc;

	(void)gmtime_r(&seconds, &utc);
	(void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
	(void)snprintf(ret_text, CLOCK_TEXT_BYTES, "%s.%03dZ", date,
		       (int)(realtime_ms % 1000));
}

int64_t clock_parse_utc(const char *text)
{
	struct tm utc = { 0 };
	const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%SZ", &utc) : NULL;
	char written[CLOCK_TEXT_BYTES];
	int64_t realtime_ms;

	if (!end || *end || strlen(text) != strlen("2026-11-24T05:57:28Z"))
		return 0;
	realtime_ms = (int64_t)timegm(&utc) * 1000;
	/* strptime() knows the 31st of February, and takes blanks for zeros. */
	clock_format_utc(realtime_ms, written);
	return strncmp(written, text, strlen(text) - 1) == 0 ? realtime_ms : 0;
}

struct deadline deadline_in(int64_t duration_ms)
{
	int64_t at_ms;

	if (__builtin_add_overflow(clock_monotonic_ms(), duration_ms, &at_ms))
		at_ms = INT64_MAX;
	return (struct deadline){ at_ms };
}

struct deadline deadline_sooner(struct deadline a, struct deadline b)
{
	return a.at_ms < b.at_ms ? a : b;
}

bool deadline_is_over(struct deadline deadline)
{
	return clock_monotonic_ms() >= deadline.at_ms;
}

int64_t deadline_left_ms(struct deadline deadline)
{
	int64_t left_ms = deadline.at_ms - clock_monotonic_ms();

	return left_ms > 0 ? left_ms : 0;
}
