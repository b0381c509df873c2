/* SPDX-License-Identifier: MIT */
#ifndef RELEASE_RELEASE_H
#define RELEASE_RELEASE_H

#include <stdbool.h>

struct error;
struct run;

/*
 * RELEASE: finds a complete release of the wanted revision, or exports a fresh one. Sets
 * run->release. Half-made releases of killed runs are removed first.
 */
int release_stage(struct run *run, struct error *err) __attribute__((warn_unused_result));
void release_stage_done(struct run *run);

/*
 * ACTIVATE: makes `current` lead to the target in one step, and opens the gate. Does
 * nothing to a link that is right already. -EISDIR and kin: `current` is not a link of
 * ours.
 */
int activate_stage(struct run *run, struct error *err)
	__attribute__((warn_unused_result));

/*
 * RECORD: writes down that the target is good, and a line in revisions.log if it is new.
 */
int record_stage(struct run *run, struct error *err) __attribute__((warn_unused_result));

/*
 * Turns the run to the last good release for taking back; SETUP must be done.
 * has_target_failed: the target itself did not prove itself. false: there is none but
 * that one, or that one was proven before (then the fault is not in it, and an older
 * release is no answer).
 */
bool release_retarget(struct run *run, bool has_target_failed);

#endif
