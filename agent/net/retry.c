/* SPDX-License-Identifier: MIT */
#include "net/retry.h"

#include "base/error.h"
#include "loop/loop.h"

#include <errno.h>
#include <sys/random.h>

/*
 * When to try again. The pauses double, with half of each drawn by chance, so that a
 * fleet that was launched in the same second does not ask in the same second. They are
 * capped: an agent that backs off for hours is as good as dead (facts A3).
 */

#define RETRY_CAP_MS 30000

struct retry retry_begin(int64_t first_ms, struct deadline deadline)
{
	return (struct retry){ .deadline = deadline, .delay_ms = first_ms };
}

static int64_t with_jitter(int64_t delay_ms)
{
	uint32_t chance = 0;

	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) != (ssize_t)sizeof(chance))
		return delay_ms;
	return delay_ms / 2 + (int64_t)(chance % (uint64_t)(delay_ms / 2 + 1));
}

int retry_pause(struct loop *loop, struct retry *retry, int64_t minimum_ms,
		struct error *err)
{
	int64_t delay_ms = with_jitter(retry->delay_ms);
	struct error pause_error;
	int result;

	if (delay_ms < minimum_ms)
		delay_ms = minimum_ms;
	if (delay_ms >= deadline_left_ms(retry->deadline)) {
		err->code = -ETIME;
		return -ETIME;
	}
	result = loop_pause(loop, delay_ms, &pause_error);
	if (result < 0) {
		*err = pause_error;
		return result;
	}
	retry->delay_ms =
		retry->delay_ms * 2 < RETRY_CAP_MS ? retry->delay_ms * 2 : RETRY_CAP_MS;
	return 0;
}
