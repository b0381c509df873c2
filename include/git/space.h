/* SPDX-License-Identifier: MIT */
#ifndef GIT_SPACE_H
#define GIT_SPACE_H

#include <git2.h>
#include <stdint.h>

struct error;
struct reuse;

/* What an export will take, about. */
struct space {
	int64_t files_count;
	int64_t bytes;        /* in files */
	int64_t needed_bytes; /* of the disk, in whole blocks */
	int64_t needed_inodes;
};

/* Which tree goes where; all borrowed. */
struct space_question {
	git_repository *repository;
	git_odb *odb;
	const git_oid *tree_id;
	int dir_fd; /* the new release's directory */
	const struct reuse *reuse;
};

/*
 * Adds up a tree, to be written into the open directory, without unpacking it. What will
 * be hard links needs nothing; all else is counted in full. Errors are those of
 * walk_tree().
 */
int space_measure(const struct space_question *question, struct space *ret_space,
		  struct error *err) __attribute__((warn_unused_result));

/*
 * Compares with what this user may still have there; path is the directory's, for the
 * sentence. -ENOSPC: too little room, or too few inodes.
 */
int space_check(const struct space *space, int dir_fd, const char *path,
		struct error *err) __attribute__((warn_unused_result));

/* Says the same behind an error that a full disk or a quota made; returns its code. */
int space_explain(const struct space *space, int dir_fd, const char *path,
		  struct error *err) __attribute__((warn_unused_result));

#endif
