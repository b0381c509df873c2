/* SPDX-License-Identifier: MIT */
#ifndef NET_RETRY_H
#define NET_RETRY_H

#include "base/clock.h"

struct error;
struct loop;

/* One series of tries at the same thing. */
struct retry {
	struct deadline deadline;
	int64_t delay_ms; /* before the next try, jitter apart */
};

/* The first pause is about first_ms; pauses double up to 30 s (facts A3). */
struct retry retry_begin(int64_t first_ms, struct deadline deadline);

/*
 * Waits before the next try, on the loop, at least minimum_ms (a Retry-After; 0: none).
 * 0: try again. -ETIME: no further try fits before the deadline; err keeps the last
 * failure's text. -ECANCELED: interrupted.
 */
int retry_pause(struct loop *loop, struct retry *retry, int64_t minimum_ms,
		struct error *err) __attribute__((warn_unused_result));

#endif
