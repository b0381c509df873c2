/* SPDX-License-Identifier: MIT */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include "base/clock.h"

#include <stdbool.h>
#include <systemd/sd-event.h>

#define LOOP_SIGNAL_COUNT 4

struct error;

/* The one event loop of a process. */
struct loop {
	sd_event *event;
	sd_event_source *sources[LOOP_SIGNAL_COUNT];
	int interrupted_by; /* the first signal that asked us to stop, 0: none */
	bool ignores_interrupts;
};

/*
 * Makes the loop and turns SIGINT, SIGTERM, SIGHUP (unless ignored, nohup(1)) and SIGQUIT
 * into `interrupted_by`; blocks them in this thread (children unblock them) and ignores
 * SIGPIPE. loop_done() takes NULL members.
 */
int loop_init(struct loop *loop, struct error *err) __attribute__((warn_unused_result));
void loop_done(struct loop *loop);

/*
 * Runs the loop until the condition holds. The only way this program waits; never called
 * from a handler (sd_event_run() does not nest). -ETIME: the deadline passed first.
 * -ECANCELED: a signal asked us to stop, and interrupts are not being ignored.
 */
int loop_wait(struct loop *loop, bool (*is_met)(const void *), const void *data,
	      struct deadline deadline, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Whether a signal has asked us to stop, one that has come and was not yet seen included:
 * what failed just now may have failed because of it.
 */
bool loop_is_interrupted(struct loop *loop);

/* Runs the loop for a while. 0 when the time is over; -ECANCELED as loop_wait(). */
int loop_pause(struct loop *loop, int64_t duration_ms, struct error *err)
	__attribute__((warn_unused_result));

#endif
