/* SPDX-License-Identifier: MIT */
#include "net/retry.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "loop/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

/*
 * When to try again, for all that asks over a network. Each library has one table that
 * says which of its errors are worth a second try; how long to wait, when to give up and
 * when to say so is decided here. The pauses double, with half of each drawn by chance,
 * so that a fleet that was launched in the same second does not ask in the same second.
 * They are capped: an agent that backs off for hours is as good as dead (facts A3). So
 * is what a server asks for: as a date it is worth no more than this machine's clock.
 */

#define RETRY_CAP_MS 30000
#define RETRY_AFTER_CAP_MS 60000
#define THROTTLED_FIRST_MS 1000
#define TELL_AGAIN_MS 60000
/* Two reasons that take turns are not a line each time. */
#define CHANGES_TOLD_MAX 6

enum retry_class retry_class_of(const struct retry_rule *rules, int code)
{
	if (code == 0)
		return RETRY_DONE;
	while (rules->code != 0 && rules->code != code)
		rules++;
	return rules->class;
}

void retry_init(struct retry *retry, const struct retry_plan *plan)
{
	*retry = (struct retry){ .plan = *plan,
				 .delay_ms = plan->first_ms,
				 .begun_ms = clock_monotonic_ms() };
}

void retry_done(struct retry *retry)
{
	retry->timer = sd_event_source_disable_unref(retry->timer);
}

static int64_t draw_ms(int64_t most_ms)
{
	uint32_t chance = 0;

	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) != (ssize_t)sizeof(chance))
		return most_ms;
	return (int64_t)(chance % (uint64_t)(most_ms + 1));
}

static int64_t with_jitter(int64_t delay_ms)
{
	return delay_ms / 2 + draw_ms(delay_ms / 2);
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* The next pause, and the base of the one after it. */
static int64_t draw_delay(struct retry *retry, enum retry_class class)
{
	int64_t cap_ms = retry->plan.cap_ms ? retry->plan.cap_ms : RETRY_CAP_MS;
	int64_t base_ms = retry->delay_ms;

	if (retry->plan.is_steady)
		return retry->plan.first_ms;
	if (class == RETRY_THROTTLED) {
		cap_ms = RETRY_CAP_MS;
		base_ms = base_ms > THROTTLED_FIRST_MS ? base_ms : THROTTLED_FIRST_MS;
	}
	base_ms = smaller(base_ms, cap_ms);
	retry->delay_ms = smaller(base_ms * 2, RETRY_CAP_MS);
	return with_jitter(base_ms);
}

static void tell(struct retry *retry, const char *line)
{
	retry->told_ms = clock_monotonic_ms();
	retry->told_count++;
	retry->plan.listener.tell(retry->plan.listener.userdata, line);
}

static void tell_failure(struct retry *retry, const struct error *err)
{
	int64_t now_ms = clock_monotonic_ms();
	autofree char *line = NULL;

	if (!retry->plan.listener.tell)
		return;
	if (retry->told_count < CHANGES_TOLD_MAX && strcmp(retry->told, err->text) != 0) {
		memcpy(retry->told, err->text, sizeof(retry->told));
		line = text_format("waiting for %s: %s", retry->plan.what, err->text);
		tell(retry, line);
	} else if (now_ms - retry->told_ms >= TELL_AGAIN_MS) {
		line = text_format("still waiting for %s after %lld s and %d tries: %s",
				   retry->plan.what,
				   (long long)(now_ms - retry->begun_ms) / 1000,
				   retry->try_count, err->text);
		tell(retry, line);
	}
}

void retry_succeeded(struct retry *retry)
{
	autofree char *line = NULL;

	if (retry->told_count == 0)
		return;
	line = text_format("%s: there after %.1f s and %d tries", retry->plan.what,
			   (double)(clock_monotonic_ms() - retry->begun_ms) / 1000,
			   retry->try_count + 1);
	tell(retry, line);
}

/*
 * A pause that is too long is cut to half of what is left: time is not given up while
 * there is some. Less than the first pause is none, and the server's word counts.
 */
static bool fits(const struct retry *retry, int64_t asked_ms, int64_t *delay_ms)
{
	int64_t left_ms = deadline_left_ms(retry->plan.deadline);

	if (*delay_ms < left_ms)
		return true;
	*delay_ms = larger(left_ms / 2, asked_ms);
	return !retry->plan.is_steady && *delay_ms > 0 && *delay_ms < left_ms &&
		*delay_ms >= retry->plan.first_ms;
}

int retry_next(struct retry *retry, const struct retry_hint *hint, int64_t *ret_delay_ms,
	       struct error *err)
{
	enum retry_class class = retry_class_of(retry->plan.rules, err->code);
	int64_t asked_ms = smaller(hint->retry_after_ms, RETRY_AFTER_CAP_MS);
	int64_t delay_ms;

	retry->try_count++;
	if (class == RETRY_PERMANENT || hint->is_last)
		return err->code;
	delay_ms = hint->is_at_once ? 0 : draw_delay(retry, class);
	/* Others were told the same time. */
	if (asked_ms > 0)
		delay_ms = larger(delay_ms, asked_ms + draw_ms(asked_ms / 4));
	if (!fits(retry, asked_ms, &delay_ms)) {
		err->code = -ETIME;
		return -ETIME;
	}
	if (!hint->is_at_once)
		tell_failure(retry, err);
	*ret_delay_ms = delay_ms;
	return 0;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct retry *retry = userdata;

	(void)source;
	(void)usec;
	retry_done(retry);
	/* It may free the series. */
	retry->plan.again(retry->plan.userdata);
	return 0;
}

int retry_later(struct retry *retry, const struct retry_hint *hint, struct error *err)
{
	int64_t delay_ms = 0;
	uint64_t at_us;
	int result = retry_next(retry, hint, &delay_ms, err);

	if (result < 0)
		return result;
	retry_done(retry);
	at_us = (uint64_t)(clock_monotonic_ms() + delay_ms) * 1000;
	/* Accuracy 0 would mean 250 ms. */
	result = sd_event_add_time(retry->plan.loop->event, &retry->timer,
				   CLOCK_MONOTONIC, at_us, 1, on_time, retry);
	return result < 0 ? error_set(err, result, "set a timer: %s", strerror(-result))
			  : 0;
}

static int wait_for(struct retry *retry, const struct retry_hint *hint, struct error *err)
{
	struct error pause_error;
	int64_t delay_ms = 0;
	int result = retry_next(retry, hint, &delay_ms, err);

	if (result < 0)
		return result;
	result = loop_pause(retry->plan.loop, delay_ms, &pause_error);
	if (result < 0)
		*err = pause_error;
	return result;
}

int retry_run(const struct retry_plan *plan,
	      int (*attempt)(void *userdata, struct retry_hint *ret_hint,
			     struct error *err),
	      struct error *err)
{
	struct retry retry;

	retry_init(&retry, plan);
	for (;;) {
		struct retry_hint hint = { 0 };
		int result = attempt(plan->userdata, &hint, err);

		if (result == 0)
			break;
		result = wait_for(&retry, &hint, err);
		if (result < 0)
			return result;
	}
	retry_succeeded(&retry);
	return 0;
}
