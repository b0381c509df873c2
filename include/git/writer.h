/* SPDX-License-Identifier: MIT */
#ifndef GIT_WRITER_H
#define GIT_WRITER_H

#include <git2.h>
#include <stdint.h>

struct error;

/* Turns tree entries into files, and counts them. Borrows the object database. */
struct writer {
	git_odb *odb;
	int64_t files_count;
	int64_t symlinks_count;
	int64_t directories_count;
	int64_t submodules_count;
	int64_t bytes; /* in files */
};

/*
 * Makes the entry anew in the directory dir_fd. *ret_fd: if the entry is a tree, its
 * directory, to be filled and closed by the caller; else -1. -EEXIST: something of that
 * name is there; -EBADMSG: it must not, or cannot, become a file. Blocks on the disk.
 */
int writer_write(struct writer *writer, int dir_fd, const git_tree_entry *entry,
		 int *ret_fd, struct error *err) __attribute__((warn_unused_result));

#endif
