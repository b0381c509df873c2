/* SPDX-License-Identifier: MIT */
#ifndef GIT_STORE_H
#define GIT_STORE_H

#include <git2.h>
#include <stdbool.h>

struct error;
struct resolved;

/* What the mirror has under a ref. */
struct stored {
	bool is_there;
	bool is_current; /* it is the wanted commit, and that commit and its tree are here
			  */
	git_oid id;      /* all zero unless is_there */
};

/* Looks the wanted ref up in the mirror. */
struct stored store_look_up(git_repository *repository, const struct resolved *wanted);

/*
 * Points the ref at the wanted commit, after reading that and its tree, and reads the ref
 * back. A branch in its way ("a" where "a/b" must be) goes. -EUCLEAN: the commit or its
 * tree cannot be read.
 */
int store_move(git_repository *repository, const struct resolved *wanted,
	       struct error *err) __attribute__((warn_unused_result));

#endif
