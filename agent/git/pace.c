/* SPDX-License-Identifier: MIT */
#include "git/pace.h"

#include "base/clock.h"

/*
 * libgit2 reports every object it receives; the supervisor wants to see that work goes
 * on, and a person wants a bar that moves. Ten lines a second serve both.
 */

bool pace_is_due(struct pace *pace)
{
	int64_t now_ms = clock_monotonic_ms();

	if (now_ms < pace->next_ms)
		return false;
	pace->next_ms = now_ms + PACE_INTERVAL_MS;
	return true;
}
