/* SPDX-License-Identifier: MIT */
#ifndef BASE_ERASE_H
#define BASE_ERASE_H

struct error;

/*
 * Removes whatever stands at `name` below dir_fd: a file, a link (not what it points to),
 * or a directory with all that is in it; nothing there is no error. A directory of ours
 * that forbids its own owner to empty it is given the mode 0700 first. Says
 * {"removed_entries": N} as progress while it lasts. -EXDEV: a file system is mounted
 * inside (it is left alone); -ENOTEMPTY: somebody makes new entries as fast as we remove
 * them.
 */
int erase(int dir_fd, const char *name, struct error *err)
	__attribute__((warn_unused_result));

/* Opens a directory as erase() does, so that entries of it can be removed. */
int erase_open(int dir_fd, const char *name, int *ret_fd, struct error *err)
	__attribute__((warn_unused_result));

#endif
