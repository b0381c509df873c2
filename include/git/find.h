/* SPDX-License-Identifier: MIT */
#ifndef GIT_FIND_H
#define GIT_FIND_H

#include <git2.h>
#include <stdbool.h>

struct error;
struct resolved;

/*
 * Whether the name is a full id of a commit that the mirror already holds, its tree too:
 * then *ret_resolved says so, and no server need be asked. resolve_done() frees it.
 */
bool find_held(git_repository *repository, const char *name,
	       struct resolved *ret_resolved);

/*
 * The one commit whose id begins with these 4 to 40 hexadecimal digits. -ENOENT: the
 * mirror has none; -ENOTUNIQ: it has several, and the text names some.
 */
int find_commit(git_repository *repository, const char *digits, git_oid *ret_id,
		struct error *err) __attribute__((warn_unused_result));

/*
 * The commit at an object of the mirror, which may be a tag of a tag of one. -EINVAL: it
 * is something else.
 */
int find_peeled(git_repository *repository, const git_oid *object, git_oid *ret_id,
		struct error *err) __attribute__((warn_unused_result));

#endif
