/* SPDX-License-Identifier: MIT */
#ifndef TREE_SHARED_H
#define TREE_SHARED_H

#include <stdbool.h>

struct error;
struct layout;
struct link;

/*
 * Sees to it that what a link will lead to is in shared/: a file with exactly the content
 * that is given, readable by its owner alone, written in one step and synced; a file
 * without one must be there; a directory is made. *ret_is_written: the content was
 * written anew. -ENOENT: a file without content is not there; -EISDIR, -ENOTDIR: the
 * other kind of thing stands at its name.
 */
int shared_provide(const struct layout *layout, const struct link *link,
		   bool *ret_is_written, struct error *err)
	__attribute__((warn_unused_result));

#endif
