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

/* Publishes the end of the run, tells it, and returns the exit status. */
int settle_run(struct run *run, const struct settlement *settlement);

#endif
