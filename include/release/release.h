/* SPDX-License-Identifier: MIT */
#ifndef RELEASE_RELEASE_H
#define RELEASE_RELEASE_H

#include <stdbool.h>

struct error;
struct json_object;
struct release;
struct run;

/*
 * RELEASE: finds a complete release of the wanted revision, or exports a fresh one. Sets
 * run->release. Half-made releases of killed runs are removed first.
 */
int release_stage(struct run *run, struct error *err) __attribute__((warn_unused_result));
void release_stage_done(struct run *run);

/*
 * ROLLBACK: finds the release that the command line names, else the good one before, and
 * pins to its revision. Sets run->release. -ENOENT: there is none, and the text lists
 * what there is; -ESTALE: it is recorded, and gone from the tree.
 */
int rollback_stage(struct run *run, struct error *err)
	__attribute__((warn_unused_result));

/* Finds out what `current` leads to; sets that in run->release, which must be new. */
int release_find_current(struct run *run, struct error *err)
	__attribute__((warn_unused_result));

/* Keeps what a reply of bootagent-tree says of `current`; NULL: there is no such link. */
void release_keep_current(struct release *release, const struct json_object *current);

/*
 * Enters what `current` leads to into the records. It is complete, whoever made it (cap,
 * say): it may be of the wanted revision, and can be gone back to. Records may move.
 */
int release_adopt_current(struct run *run, struct error *err)
	__attribute__((warn_unused_result));

/* Turns the run to a release. The texts are copied, and may not be the target's own. */
void release_set_target(struct run *run, const char *name, const char *revision);

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
 * PRUNE: removes releases that are over what release.keep_releases says, good and failed
 * ones counted apart; never what is current, was before, is pinned, or is in use.
 */
int prune_stage(struct run *run, struct error *err) __attribute__((warn_unused_result));
bool prune_is_needed(const struct run *run);

/*
 * Turns the run to the release to take back to; SETUP must be done. That is what served
 * when the run began, else the last one that proved itself. has_target_failed: the target
 * itself did not prove itself. false: there is none, or the target is what served when
 * the run began (then the fault is not in it, and another release is no answer).
 */
bool release_retarget(struct run *run, bool has_target_failed);

/* The same once more, when the one it turned to is gone from the tree. */
bool release_retarget_next(struct run *run);

/* Whether there is one at all, while run->release has no target yet. */
bool release_has_other(const struct run *run);

#endif
