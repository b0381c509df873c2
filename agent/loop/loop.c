/* SPDX-License-Identifier: MIT */
#include "loop/loop.h"

#include "base/error.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/*
 * sd-event with one way to wait. Stages call loop_wait() with a condition and a deadline;
 * handlers only change state and return, so that heartbeat, signals and progress run
 * whatever a stage waits for. A signal does not end the process: it ends the waiting, and
 * the run unwinds through its ordinary error path and takes its children with it.
 */

/* More than can be ready at once. */
#define PENDING_EVENTS_MAX 64

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info,
		     void *userdata)
{
	struct loop *loop = userdata;

	(void)source;
	if (!loop->interrupted_by)
		loop->interrupted_by = (int)info->ssi_signo;
	return 0;
}

/* Those that ask us to stop: a person, a service manager, a terminal that went away. */
static const int stop_signals[LOOP_SIGNAL_COUNT] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

/* nohup(1) means it. */
static bool is_ignored(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static int add_signal(struct loop *loop, int number, sd_event_source **ret_source)
{
	sigset_t blocked;
	int result;

	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, number);
	if (sigprocmask(SIG_BLOCK, &blocked, NULL) < 0)
		return -errno;
	result = sd_event_add_signal(loop->event, ret_source, number, on_signal, loop);
	if (result < 0)
		return result;
	/* What a shutdown does to a child at the same moment comes second. */
	return sd_event_source_set_priority(*ret_source, SD_EVENT_PRIORITY_IMPORTANT);
}

static int add_signals(struct loop *loop)
{
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;
	/* Inherited as ignored, it would let children vanish without a status. */
	if (signal(SIGCHLD, SIG_DFL) == SIG_ERR)
		return -errno;
	for (size_t i = 0; i < LOOP_SIGNAL_COUNT; i++) {
		int result = 0;

		if (stop_signals[i] != SIGHUP || !is_ignored(SIGHUP))
			result = add_signal(loop, stop_signals[i], &loop->sources[i]);
		if (result < 0)
			return result;
	}
	return 0;
}

int loop_init(struct loop *loop, struct error *err)
{
	int result;

	*loop = (struct loop){ 0 };
	result = sd_event_new(&loop->event);
	if (result >= 0)
		result = add_signals(loop);
	if (result >= 0)
		return 0;
	loop_done(loop);
	return error_set(err, result, "make the event loop: %s", strerror(-result));
}

void loop_done(struct loop *loop)
{
	for (size_t i = 0; i < LOOP_SIGNAL_COUNT; i++)
		loop->sources[i] = sd_event_source_disable_unref(loop->sources[i]);
	loop->event = sd_event_unref(loop->event);
}

int loop_wait(struct loop *loop, bool (*is_met)(const void *), const void *data,
	      struct deadline deadline, struct error *err)
{
	while (!is_met(data)) {
		int64_t left_ms = deadline_left_ms(deadline);
		int result;

		if (loop->interrupted_by && !loop->ignores_interrupts)
			return error_set(err, ECANCELED, "interrupted by SIG%s",
					 sigabbrev_np(loop->interrupted_by));
		if (left_ms == 0)
			return error_set(err, ETIME, "the time for it is over");
		result = sd_event_run(loop->event, (uint64_t)left_ms * 1000);
		if (result < 0)
			return error_set(err, result, "run the event loop: %s",
					 strerror(-result));
	}
	return 0;
}

bool loop_is_interrupted(struct loop *loop)
{
	for (int i = 0; i < PENDING_EVENTS_MAX && !loop->interrupted_by; i++)
		if (sd_event_run(loop->event, 0) <= 0)
			break;
	return loop->interrupted_by != 0;
}

static bool is_over(const void *data)
{
	return deadline_is_over(*(const struct deadline *)data);
}

int loop_pause(struct loop *loop, int64_t duration_ms, struct error *err)
{
	struct deadline end = deadline_in(duration_ms);

	/* A millisecond more, so that the condition is met before the wait is over. */
	return loop_wait(loop, is_over, &end, (struct deadline){ end.at_ms + 1 }, err);
}
