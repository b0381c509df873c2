/* SPDX-License-Identifier: MIT */
#ifndef RELEASE_LINK_H
#define RELEASE_LINK_H

#include <stdbool.h>

struct error;
struct run;

/* Whether a release is about to be made, or everything started anew. */
bool link_is_needed(const struct run *run);

/*
 * LINK: waits for the rest, puts the variables into /run/bootagent/environment (root's,
 * 0600, for units and steps), and has bootagent-tree fill and link shared/ into the
 * release. Errors are those of SECRETS and of bootagent-tree.
 */
int link_stage(struct run *run, struct error *err) __attribute__((warn_unused_result));

#endif
