/* SPDX-License-Identifier: MIT */
#ifndef LIFECYCLE_HOOK_H
#define LIFECYCLE_HOOK_H

#include "base/clock.h"

#include <stdbool.h>

struct error;
struct retry_hint;
struct run;

/*
 * HOOK: starts the look-up of the instance's target state, group and present state on the
 * loop and returns at once; VERDICT waits for the answers. Sets run->hook.
 */
int hook_stage(struct run *run, struct error *err) __attribute__((warn_unused_result));
void hook_stage_done(struct run *run);

/*
 * Waits until it is known whether the instance is launching in a group. 0: *ret_is_wanted
 * says whether there is a hook to complete; if not, the stage's detail says why.
 */
int hook_await_target(struct run *run, bool *ret_is_wanted, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Waits until the look-up says that the instance waits in its hook (run->hook->state ends
 * in ":Wait"), asking again while it is still on its way there, at most five times in all
 * (facts L1, L7). 0: the state is known, whatever it is.
 */
int hook_await(struct run *run, struct deadline deadline, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Asks once what state the instance is in and waits for the answer; 0: it is in
 * run->hook->state. -ENOENT: Auto Scaling does not know it. The hint gets the server's
 * Retry-After.
 */
int hook_look_up(struct run *run, struct deadline deadline, struct retry_hint *ret_hint,
		 struct error *err) __attribute__((warn_unused_result));

/* Whether an instance in that state waits in a launching hook. */
bool hook_is_open(const char *state);

/* Whether it has not come to its hook yet. */
bool hook_is_ahead(const char *state);

#endif
