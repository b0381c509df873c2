/* SPDX-License-Identifier: MIT */
#ifndef STEPS_STEPS_H
#define STEPS_STEPS_H

struct error;
struct run;

/*
 * The configured steps of one kind, one after the other, as the application's user in the
 * release's directory. The first that fails ends the stage: -ECHILD with its exit status
 * or signal, -ETIMEDOUT, or the errno of a command that could not be started; the last of
 * its output is in run->step_output, the run's secrets blanked (secrets/blank.h).
 */
int steps_stage(struct run *run, struct error *err) __attribute__((warn_unused_result));
int after_publish_stage(struct run *run, struct error *err)
	__attribute__((warn_unused_result));
int after_ready_stage(struct run *run, struct error *err)
	__attribute__((warn_unused_result));

#endif
