/* SPDX-License-Identifier: MIT */
#ifndef LIFECYCLE_HOOK_H
#define LIFECYCLE_HOOK_H

#include "base/clock.h"

struct error;
struct run;

/*
 * HOOK: starts the look-up of the instance's group and state on the loop and returns at
 * once; VERDICT waits for its answer. Sets run->hook.
 */
int hook_stage(struct run *run, struct error *err) __attribute__((warn_unused_result));
void hook_stage_done(struct run *run);

/*
 * Waits until the look-up says that the instance waits in its hook (run->hook->state ends
 * in ":Wait"), asking again while it is still on its way there, at most five times in all
 * (facts L1, L7). 0: the state is known, whatever it is.
 */
int hook_await(struct run *run, struct deadline deadline, struct error *err)
	__attribute__((warn_unused_result));

#endif
