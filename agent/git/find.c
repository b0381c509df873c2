/* SPDX-License-Identifier: MIT */
#include "git/find.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "git/failure.h"
#include "git/handles.h"
#include "git/resolve.h"
#include "git/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * Which commit an id means. A short one is looked for among all objects, as git does it:
 * files and directories whose ids begin alike are not what a person can have meant.
 */

#define MATCHES_MAX 1024
#define CANDIDATES_TOLD_MAX 4
#define CANDIDATES_TEXT_BYTES (CANDIDATES_TOLD_MAX * (GIT_OID_HEXSZ + 2) + 1)

struct search {
	git_oid prefix;
	size_t digit_count;
	git_oid matches[MATCHES_MAX];
	size_t match_count;
};

bool find_held(git_repository *repository, const char *name,
	       struct resolved *ret_resolved)
{
	autocommit git_commit *commit = NULL;
	autotree git_tree *tree = NULL;
	git_oid id;

	if (!resolve_is_id(name) || strlen(name) != GIT_OID_HEXSZ ||
	    git_oid_fromstr(&id, name) < 0)
		return false;
	if (git_commit_lookup(&commit, repository, &id) < 0 ||
	    git_commit_tree(&tree, commit) < 0)
		return false;
	*ret_resolved = (struct resolved){ .ref = text_copy(RESOLVED_ID_REF), .id = id };
	return true;
}

/* An object may lie in several packs: it is met more than once. */
static int on_object(const git_oid *id, void *payload)
{
	struct search *search = payload;

	if (git_oid_ncmp(id, &search->prefix, search->digit_count) != 0)
		return 0;
	for (size_t i = 0; i < search->match_count; i++)
		if (git_oid_equal(&search->matches[i], id))
			return 0;
	if (search->match_count < MATCHES_MAX)
		search->matches[search->match_count++] = *id;
	return 0;
}

/* Leaves commits alone among the matches. */
static int keep_commits(git_odb *odb, struct search *search, struct error *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < search->match_count; i++) {
		git_object_t type = GIT_OBJECT_INVALID;
		size_t size_bytes = 0;
		int code =
			git_odb_read_header(&size_bytes, &type, odb, &search->matches[i]);

		if (code < 0)
			return failure_set_object(err, code, &search->matches[i]);
		if (type == GIT_OBJECT_COMMIT)
			search->matches[kept++] = search->matches[i];
	}
	search->match_count = kept;
	return 0;
}

static int say_ambiguous(const struct search *search, const char *digits,
			 struct error *err)
{
	char text[CANDIDATES_TEXT_BYTES] = "";
	size_t used = 0;

	for (size_t i = 0; i < search->match_count && i < CANDIDATES_TOLD_MAX; i++) {
		char hex[GIT_OID_HEXSZ + 1];

		(void)git_oid_tostr(hex, sizeof(hex), &search->matches[i]);
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
					 i > 0 ? ", " : "", hex);
	}
	return error_set(err, ENOTUNIQ,
			 "%zu commits have an id that begins with '%s' (%s%s): give more "
			 "digits",
			 search->match_count, digits, text,
			 search->match_count > CANDIDATES_TOLD_MAX ? ", …" : "");
}

int find_commit(git_repository *repository, const char *digits, git_oid *ret_id,
		struct error *err)
{
	autofree struct search *search = memory_new(1, sizeof(*search));
	autoodb git_odb *odb = NULL;
	int result, code = git_oid_fromstrp(&search->prefix, digits);

	search->digit_count = strlen(digits);
	if (code == 0)
		code = git_repository_odb(&odb, repository);
	if (code == 0)
		code = git_odb_foreach(odb, on_object, search);
	if (code < 0)
		return failure_set(err, code, "look for the commit '%s'", digits);
	result = keep_commits(odb, search, err);
	if (result < 0)
		return result;
	if (search->match_count == 0)
		return error_set(err, ENOENT, "the mirror has no commit '%s'", digits);
	if (search->match_count > 1)
		return say_ambiguous(search, digits, err);
	*ret_id = search->matches[0];
	return 0;
}

int find_peeled(git_repository *repository, const git_oid *object, git_oid *ret_id,
		struct error *err)
{
	autoobject git_object *found = NULL;
	autoobject git_object *commit = NULL;
	int code = git_object_lookup(&found, repository, object, GIT_OBJECT_ANY);

	if (code < 0)
		return failure_set_object(err, code, object);
	if (git_object_peel(&commit, found, GIT_OBJECT_COMMIT) < 0)
		return error_set(err, EINVAL,
				 "%s is a %s, and no commit stands behind it: name a "
				 "branch, a commit or a tag of one",
				 git_oid_tostr_s(object),
				 git_object_type2string(git_object_type(found)));
	*ret_id = *git_object_id(commit);
	return 0;
}
