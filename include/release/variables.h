/* SPDX-License-Identifier: MIT */
#ifndef RELEASE_VARIABLES_H
#define RELEASE_VARIABLES_H

#include <stdbool.h>

struct error;
struct run;

/* Whether a release has just become current, or there are variables no longer wanted. */
bool variables_are_needed(const struct run *run);

/*
 * VARIABLES: what the release that has just become current is started with goes into
 * run/bootagent/environment (root's, 0600), for the units. When a release is gone back to
 * it is what the file held before; only where that is missing, damaged or of another
 * configuration they are read anew, for half a minute at most, and where that fails the
 * release goes on without them, which is told. No variables configured: the file is
 * removed.
 */
int variables_stage(struct run *run, struct error *err)
	__attribute__((warn_unused_result));

#endif
