/* SPDX-License-Identifier: MIT */
#ifndef SETTLE_H
#define SETTLE_H

#include "run/outcome.h"

struct run;
struct stage_record;

/* How a run ended, as the pipeline found it. */
struct settlement {
	enum ending ending;
	const char *cause;                 /* NULL: nothing failed */
	const struct stage_record *failed; /* the stage that did; NULL: none */
};

/*
 * Sets run->outcome and publishes what follows from it: what serves, and the gate. Done
 * before the verdict is waited for.
 */
void settle_findings(struct run *run, const struct settlement *settlement);

/*
 * Logs the last lines of run->step_output and forgets them: for root's eyes, never in the
 * status.
 */
void settle_log_output(struct run *run);

/*
 * Logs a failed stage with its output. At once, and so before the verdict: an instance
 * that is abandoned takes its logs along (facts L5).
 */
void settle_log_failure(struct run *run, const struct stage_record *failed);

/* Publishes the end of the run, tells it, and returns the exit status. */
int settle_run(struct run *run, const struct settlement *settlement);

#endif
