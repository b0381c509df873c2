/* SPDX-License-Identifier: MIT */
#ifndef GIT_WRITER_H
#define GIT_WRITER_H

#include "git/notices.h"
#include "git/reuse.h"
#include "git/subst.h"

#include <git2.h>
#include <stdint.h>

struct error;
struct walk_leaf;

/* Turns leaves of a tree into files, and counts them. Borrows the object database. */
struct writer {
	git_odb *odb;
	struct subst subst;
	struct notices notices;
	struct reuse reuse;
	int64_t files_count;
	int64_t symlinks_count;
	int64_t submodules_count;
	int64_t bytes; /* in files */
};

/*
 * Makes the leaf anew in the place's directory, if possible from the previous release's
 * file. -EEXIST: something of that name is there; -EBADMSG: it cannot become a file.
 * Blocks on the disk.
 */
int writer_write(struct writer *writer, struct reuse_place place,
		 const struct walk_leaf *leaf, struct error *err)
	__attribute__((warn_unused_result));

#endif
