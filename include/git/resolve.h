/* SPDX-License-Identifier: MIT */
#ifndef GIT_RESOLVE_H
#define GIT_RESOLVE_H

#include <git2.h>
#include <stddef.h>

struct error;

/* What the server has for a wanted ref. resolve_done() frees the member. */
struct resolved {
	char *ref; /* in full: "refs/heads/main" */
	git_oid id;
};

/*
 * The full name of a branch; -EINVAL: no branch can have that name. The caller frees it.
 */
int resolve_name(const char *branch, char **ret_ref, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Finds the branch among the refs a server advertised (borrowed). -ENODATA: the
 * repository is empty; -ENOENT: it has no such branch, and the text names some that it
 * has.
 */
int resolve_branch(const git_remote_head *const *heads, size_t head_count,
		   const char *branch, struct resolved *ret_resolved, struct error *err)
	__attribute__((warn_unused_result));

void resolve_done(struct resolved *resolved);

#endif
