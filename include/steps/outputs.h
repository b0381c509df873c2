/* SPDX-License-Identifier: MIT */
#ifndef STEPS_OUTPUTS_H
#define STEPS_OUTPUTS_H

#include "base/clock.h"
#include "run/record.h"

#include <stdbool.h>

struct config_step;
struct config_texts;
struct error;
struct run;

/* The outputs of one step, while it is performed. */
struct outputs {
	const struct config_step *step;         /* borrowed, as are the others */
	const struct config_texts *environment; /* the step's, secrets and all */
	struct deadline deadline;
	char *answer; /* what its key_command says; NULL: there is none, or not yet */
	char key[RECORD_KEY_BYTES];
	bool is_hit; /* the release has them: the step need not run */
};

/*
 * Before a step that has outputs: finds them by their key, asking its key_command where
 * that is needed, or makes room for them. outputs_done() frees what is made, on failure,
 * too. -ENOENT: an input is not in the release; -EEXIST: an output is; -ECHILD,
 * -ETIMEDOUT: key_command failed, and the end of what it wrote is in run->step_output.
 */
int outputs_find(struct run *run, struct outputs *outputs, struct error *err)
	__attribute__((warn_unused_result));

/* After a step that succeeded: keeps what it made. What stands in the way is told. */
int outputs_keep(struct run *run, const struct outputs *outputs, struct error *err)
	__attribute__((warn_unused_result));

/*
 * After one that failed: removes what it made, as far as that works; the next run does
 * the rest.
 */
void outputs_drop(struct run *run, const struct outputs *outputs);

void outputs_done(struct outputs *outputs);

#endif
