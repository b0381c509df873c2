/* SPDX-License-Identifier: MIT */
#include "git/store.h"

#include "base/error.h"
#include "git/failure.h"
#include "git/handles.h"
#include "git/resolve.h"

#include <errno.h>
#include <string.h>

/*
 * What the mirror's refs say. That a download succeeded is not believed: the advertised
 * commit and its tree must be readable before the ref moves, and the ref must say the
 * advertised id when it is read again (facts G3).
 */

static int check_objects(git_repository *repository, const git_oid *id, struct error *err)
{
	autocommit git_commit *commit = NULL;
	autotree git_tree *tree = NULL;
	int code = git_commit_lookup(&commit, repository, id);

	if (code == 0)
		code = git_commit_tree(&tree, commit);
	return code < 0 ? failure_set_object(err, code, id) : 0;
}

struct stored store_look_up(git_repository *repository, const struct resolved *wanted)
{
	struct stored stored = { 0 };
	struct error ignored = { 0 };

	if (git_reference_name_to_id(&stored.id, repository, wanted->ref) < 0)
		return (struct stored){ 0 };
	stored.is_there = true;
	stored.is_current = git_oid_equal(&stored.id, &wanted->id) &&
		check_objects(repository, &wanted->id, &ignored) == 0;
	return stored;
}

/* Whether `inner` would lie in a directory where `outer` is a file. */
static bool is_below(const char *inner, const char *outer)
{
	size_t length = strlen(outer);

	return strncmp(inner, outer, length) == 0 && inner[length] == '/';
}

static int clear_way(git_repository *repository, const char *ref, struct error *err)
{
	autorefiterator git_reference_iterator *iterator = NULL;
	const char *name;
	int code = git_reference_iterator_new(&iterator, repository);

	while (code == 0) {
		code = git_reference_next_name(&name, iterator);
		if (code == 0 && (is_below(name, ref) || is_below(ref, name)))
			code = git_reference_remove(repository, name);
	}
	if (code != GIT_ITEROVER)
		return failure_set(err, code, "make room for '%s'", ref);
	return 0;
}

int store_move(git_repository *repository, const struct resolved *wanted,
	       struct error *err)
{
	autoreference git_reference *reference = NULL;
	git_oid stored = { 0 };
	int code, result = check_objects(repository, &wanted->id, err);

	if (result == 0)
		result = clear_way(repository, wanted->ref, err);
	if (result < 0)
		return result;
	code = git_reference_create(&reference, repository, wanted->ref, &wanted->id, 1,
				    NULL);
	if (code == 0)
		code = git_reference_name_to_id(&stored, repository, wanted->ref);
	if (code < 0)
		return failure_set(err, code, "store '%s'", wanted->ref);
	if (!git_oid_equal(&stored, &wanted->id))
		return error_set(err, EIO, "'%s' does not say what was just stored in it",
				 wanted->ref);
	return 0;
}
