/* SPDX-License-Identifier: MIT */
#ifndef STEPS_GROUP_H
#define STEPS_GROUP_H

#include <stddef.h>

struct config_step;
struct config_texts;
struct error;
struct run;

/*
 * Runs steps at the same time, with the same environment; their records are added. The
 * first that fails ends the others, and the error is its own: -ECHILD, -ETIMEDOUT, or the
 * errno of a command that could not be started; -ECANCELED: a signal came. What each
 * wrote last is kept in run/bootagent/steps, and of the failed one in run->step_output
 * unless it went to the log as it came.
 */
int group_perform(struct run *run, const struct config_step *const *steps, size_t count,
		  const struct config_texts *environment, struct error *err)
	__attribute__((warn_unused_result));

#endif
