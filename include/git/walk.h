/* SPDX-License-Identifier: MIT */
#ifndef GIT_WALK_H
#define GIT_WALK_H

#include "git/attrline.h"

#include <git2.h>
#include <limits.h>

struct error;

/* Deeper than any path that the kernel takes in one piece. */
#define WALK_DEPTH_MAX (PATH_MAX / 2)

/* An entry that is no directory, while it is visited. */
struct walk_leaf {
	const char *name;
	const char *path;
	const git_oid *id;
	git_filemode_t mode; /* as it stands in the tree */
	/* ATTRIBUTE_COUNT of them, or NULL: nothing is said of anything. */
	const struct attribute_value *attributes;
	bool is_ignored; /* export-ignore: not to be exported */
};

/*
 * What is done on the way. A directory is entered before its entries and left after them,
 * unless it is not to be exported, or an error ended the walk; the root is not told.
 */
struct walk_visitor {
	int (*enter)(void *userdata, const char *name, struct error *err);
	void (*leave)(void *userdata);
	int (*leaf)(void *userdata, const struct walk_leaf *leaf, struct error *err);
	void *userdata;
};

/*
 * Visits all of a tree in its order, with the attributes that its own .gitattributes
 * files give to each path. Names that must not become file names are -EBADMSG, and so is
 * a tree that cannot be read; -ELOOP: more than WALK_DEPTH_MAX directories deep. An error
 * of the visitor ends the walk and gets the path before it.
 */
int walk_tree(git_repository *repository, const git_oid *tree_id,
	      const struct walk_visitor *visitor, struct error *err)
	__attribute__((warn_unused_result));

#endif
