/* SPDX-License-Identifier: MIT */
#ifndef TREE_OUTLINKS_H
#define TREE_OUTLINKS_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct wanted;

/* A release and the outputs of a step in it: two open directories, both borrowed. */
struct outlinks {
	int release_fd;
	int depot_fd;
	const struct wanted *wanted;
};

/* -EEXIST: something stands at the place of an output already. */
int outlinks_check_free(const struct outlinks *links, struct error *err)
	__attribute__((warn_unused_result));

/* Makes each output of the release a link to that of an entry of the depot. */
int outlinks_make(const struct outlinks *links, const char *name, struct error *err)
	__attribute__((warn_unused_result));

/*
 * How many of the outputs are still links to that entry, with a directory behind them.
 * Never fails: what cannot be looked at is none.
 */
size_t outlinks_count(const struct outlinks *links, const char *name);

/* Makes those of them that are still links to one entry links to another. */
int outlinks_move(const struct outlinks *links, const char *name, const char *new_name,
		  struct error *err) __attribute__((warn_unused_result));

/* Removes those that still are. */
int outlinks_remove(const struct outlinks *links, const char *name, struct error *err)
	__attribute__((warn_unused_result));

/* The text of such a link at a path in a release; the caller frees it. */
char *outlinks_target(const char *path, const char *name)
	__attribute__((returns_nonnull, warn_unused_result));

#endif
