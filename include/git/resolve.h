/* SPDX-License-Identifier: MIT */
#ifndef GIT_RESOLVE_H
#define GIT_RESOLVE_H

#include <git2.h>
#include <stdbool.h>
#include <stddef.h>

struct error;

/* Where the mirror keeps a commit that was asked for by its id. */
#define RESOLVED_ID_REF "refs/bootagent/pinned"

/* What a wanted name means. resolve_done() frees the members. */
struct resolved {
	char *remote_ref; /* in full, what to fetch; NULL: every branch and tag */
	char *ref;        /* in full, where the mirror keeps it */
	git_oid id;       /* the commit; all zero: only the mirror can tell, later */
};

/* Whether the name may be a commit's id: 4 to 40 hexadecimal digits. */
bool resolve_is_id(const char *name);

/*
 * The full name of a branch of that name; -EINVAL: nothing can have that name. The caller
 * frees it.
 */
int resolve_name(const char *name, char **ret_ref, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Finds the name among the refs a server advertised (borrowed): a branch, else a tag
 * (what an annotated one marks), else a ref in full, else a commit's id. -ENODATA: the
 * repository is empty; -ENOENT: it has nothing of that name, and the text names some that
 * it has.
 */
int resolve(const git_remote_head *const *heads, size_t head_count, const char *name,
	    struct resolved *ret_resolved, struct error *err)
	__attribute__((warn_unused_result));

/* The errors of resolve() for a name that turned out to be nowhere. */
int resolve_missing(const git_remote_head *const *heads, size_t head_count,
		    const char *name, struct error *err)
	__attribute__((warn_unused_result));

void resolve_done(struct resolved *resolved);

#endif
