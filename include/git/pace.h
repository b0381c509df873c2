/* SPDX-License-Identifier: MIT */
#ifndef GIT_PACE_H
#define GIT_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* Keeps progress lines to one in PACE_INTERVAL_MS. Zeroed: the first is due at once. */
struct pace {
	int64_t next_ms;
};

#define PACE_INTERVAL_MS 100

/* Whether a line is due now; if so, the next one is not before the interval is over. */
bool pace_is_due(struct pace *pace);

#endif
