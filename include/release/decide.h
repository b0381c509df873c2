/* SPDX-License-Identifier: MIT */
#ifndef RELEASE_DECIDE_H
#define RELEASE_DECIDE_H

#include <stdbool.h>

struct error;
struct run;

/* Whether a revision is known to be bad, with this configuration. */
bool decide_is_bad(const struct run *run, const char *revision);

/* Whether the wanted revision failed here before, and that still counts. */
bool decide_is_needed(const struct run *run);

/*
 * DECIDE: refuses a revision that is known not to work (facts R3), unless --force says to
 * try it all the same, it is the one that is current, or there is no other release to
 * serve. -EPERM: refused; run->release says so, and with which cause. Other errors are
 * bootagent-tree's.
 */
int decide_stage(struct run *run, struct error *err) __attribute__((warn_unused_result));

/* A revision that did not come to serve. revision NULL: nothing is to be remembered. */
struct decide_failure {
	char *revision;
	const char *cause;  /* of the run's failure; for ever */
	const char *reason; /* its sentence; as long as run */
};

/*
 * What is to be remembered of the stage that has just failed: its class of cause, and the
 * run's. Only the application's own, its steps and its answers, speak of the revision,
 * and one that served when the run began has proven itself. Freed by autofailure.
 */
struct decide_failure decide_failure_of(const struct run *run, const char *stage_cause,
					const char *cause);
void decide_failure_done(struct decide_failure *failure);

#define autofailure __attribute__((cleanup(decide_failure_done)))

/*
 * Remembers it: as bad if another release passed just now what it did not (facts R12),
 * which then is the run's target. What cannot be written down is logged: the run has
 * ended as it has.
 */
void decide_remember(struct run *run, const struct decide_failure *failure,
		     bool has_other_passed);

#endif
