/* SPDX-License-Identifier: MIT */
#ifndef RELEASE_INUSE_H
#define RELEASE_INUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct error;

/* A directory below releases/, and whether a process runs from it. */
struct inuse {
	const char *name; /* borrowed */
	bool is_used;
};

/*
 * Looks at every process, by all names that mounts give the directory: one works in a
 * directory of `releases`, has its program or its root there, or, if it is the owner's,
 * has a file of it in its memory. Sets is_used of the items, whose directories are
 * `releases`/NAME; also of one that is mounted elsewhere by itself. Reads /proc for two
 * seconds at most: -ETIME. -EACCES: a process of the owner may not be looked at.
 */
int inuse_find(const char *releases, uid_t owner, struct inuse *items, size_t count,
	       struct error *err) __attribute__((warn_unused_result));

#endif
