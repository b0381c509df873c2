/* SPDX-License-Identifier: MIT */
#ifndef GIT_SWEEP_H
#define GIT_SWEEP_H

struct error;

/*
 * Removes from the repository at mirror_fd what a killed fetch left behind (temporary
 * packs, lock files, facts G2) and what steers libgit2 from inside a repository. The
 * caller holds the lock that keeps every other fetch out.
 */
int sweep_mirror(int mirror_fd, struct error *err) __attribute__((warn_unused_result));

#endif
