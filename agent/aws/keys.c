/* SPDX-License-Identifier: MIT */
#include "aws/keys.h"

#include "aws/credentials.h"
#include "base/error.h"
#include "loop/loop.h"

#include <errno.h>
#include <string.h>

/*
 * Several calls begin in the same moment of a boot and need the same credentials: they
 * are asked for once. Whoever comes first lends the fetch its deadline; whoever gives up
 * takes nothing from the others.
 */

/*
 * A fetch that failed with less time left than this may have failed for want of it: its
 * pauses between tries are no longer.
 */
#define SHORT_OF_TIME_MS 2000

void keys_init(struct keys *keys, struct credentials *credentials, struct loop *loop)
{
	*keys = (struct keys){ .credentials = credentials, .loop = loop };
}

static void unlink_waiter(struct keys_waiter *waiter)
{
	struct keys_waiter **link = &waiter->keys->waiters;

	while (*link != waiter)
		link = &(*link)->next;
	*link = waiter->next;
	waiter->timer = sd_event_source_disable_unref(waiter->timer);
	waiter->next = NULL;
	waiter->keys = NULL;
	waiter->is_answered = false;
}

static struct keys_waiter *find_waiter(const struct keys *keys, bool is_answered)
{
	struct keys_waiter *waiter = keys->waiters;

	while (waiter && waiter->is_answered != is_answered)
		waiter = waiter->next;
	return waiter;
}

void keys_leave(struct keys_waiter *waiter)
{
	struct keys *keys = waiter->keys;

	if (!keys)
		return;
	unlink_waiter(waiter);
	if (!find_waiter(keys, false))
		credentials_cancel(keys->credentials);
}

static bool wants_another_fetch(const struct keys_waiter *waiter,
				struct deadline fetch_deadline)
{
	return deadline_left_ms(fetch_deadline) < SHORT_OF_TIME_MS &&
		waiter->deadline.at_ms > fetch_deadline.at_ms;
}

static void on_fetched(int result, const struct error *err, void *userdata)
{
	struct keys *keys = userdata;
	struct deadline fetch_deadline = keys->deadline;
	struct keys_waiter *waiter;

	if (result == 0)
		keys->generation++;
	for (waiter = keys->waiters; waiter; waiter = waiter->next)
		waiter->is_answered = true;
	/* Whoever begins to wait in one of the callbacks waits for the next fetch. */
	while ((waiter = find_waiter(keys, true))) {
		struct error problem;

		unlink_waiter(waiter);
		if (result < 0 && wants_another_fetch(waiter, fetch_deadline) &&
		    keys_await(keys, waiter, &problem) == 0)
			continue;
		waiter->on_done(result, err, waiter->userdata);
	}
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct keys_waiter *waiter = userdata;
	struct error err;
	int result = error_set(&err, ETIMEDOUT, "the credentials did not come in time");

	(void)source;
	(void)usec;
	keys_leave(waiter);
	waiter->on_done(result, &err, waiter->userdata);
	return 0;
}

/* Not for the waiter whose deadline is the fetch's: the fetch knows why it failed. */
static int set_timer(struct keys *keys, struct keys_waiter *waiter, struct error *err)
{
	int result;

	if (waiter->deadline.at_ms >= keys->deadline.at_ms)
		return 0;
	result = sd_event_add_time(keys->loop->event, &waiter->timer, CLOCK_MONOTONIC,
				   (uint64_t)waiter->deadline.at_ms * 1000, 1, on_time,
				   waiter);
	return result < 0 ? error_set(err, result, "set a timer: %s", strerror(-result))
			  : 0;
}

int keys_await(struct keys *keys, struct keys_waiter *waiter, struct error *err)
{
	struct keys_waiter **end = &keys->waiters;
	int result;

	if (!keys->credentials->is_fetching) {
		result = credentials_start(keys->credentials, waiter->deadline,
					   on_fetched, keys, err);
		if (result < 0)
			return result;
		keys->deadline = waiter->deadline;
	}
	result = set_timer(keys, waiter, err);
	if (result < 0)
		return result;
	while (*end)
		end = &(*end)->next;
	*end = waiter;
	waiter->keys = keys;
	return 0;
}

bool keys_forget(struct keys *keys, unsigned generation)
{
	return generation != keys->generation || credentials_forget(keys->credentials);
}
