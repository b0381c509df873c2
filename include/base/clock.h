/* SPDX-License-Identifier: MIT */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_TEXT_BYTES 32

/*
 * A point in CLOCK_MONOTONIC milliseconds. Passed down unchanged, deadlines cannot add
 * up.
 */
struct deadline {
	int64_t at_ms;
};

/* Milliseconds of CLOCK_MONOTONIC: for everything within a run. */
int64_t clock_monotonic_ms(void);

/* Milliseconds of CLOCK_BOOTTIME: since the kernel started, suspends included. */
int64_t clock_boottime_ms(void);

/*
 * Milliseconds since 1970 of CLOCK_REALTIME: for people and records, never for deadlines.
 */
int64_t clock_realtime_ms(void);

/* RFC 3339 in UTC with milliseconds, "2026-11-24T05:57:28.123Z". */
void clock_format_utc(int64_t realtime_ms, char ret_text[static CLOCK_TEXT_BYTES]);

/*
 * Milliseconds since 1970 for "2026-11-24T05:57:28Z", as AWS writes it; 0 if the text (or
 * NULL) is none such.
 */
int64_t clock_parse_utc(const char *text);

/* The deadline so long from now; one beyond all time stays there. */
struct deadline deadline_in(int64_t duration_ms);
struct deadline deadline_sooner(struct deadline a, struct deadline b);
bool deadline_is_over(struct deadline deadline);

/* Milliseconds until the deadline, 0 when it is over. */
int64_t deadline_left_ms(struct deadline deadline);

#endif
