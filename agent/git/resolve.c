/* SPDX-License-Identifier: MIT */
#include "git/resolve.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/near.h"
#include "base/text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/*
 * From the name a person wrote to what the server has under it: a branch, else a tag,
 * else a commit's id, full or short. A name that is not there is most often misspelt, or
 * "master" where one wrote "main": so the error names the nearest ones. Which commit an
 * id means, only the mirror can tell once it has everything; unless a ref of the server
 * stands right at it.
 */

#define BRANCH_PREFIX "refs/heads/"
#define TAG_PREFIX "refs/tags/"
#define PEELED_SUFFIX "^{}"
#define NEAR_COUNT_MAX 5
#define NEAR_DISTANCE_MAX 3
#define NEAR_TEXT_MAX_BYTES 256

struct near {
	const char *name;
	size_t distance;
};

struct near_list {
	struct near items[NEAR_COUNT_MAX]; /* the nearest first */
	size_t count;
	size_t name_count; /* of all the server has */
};

bool resolve_is_id(const char *name)
{
	size_t length = strlen(name);

	return length >= GIT_OID_MINPREFIXLEN && length <= GIT_OID_HEXSZ &&
		name[strspn(name, "0123456789abcdefABCDEF")] == '\0';
}

int resolve_name(const char *name, char **ret_ref, struct error *err)
{
	autofree char *ref = text_format(BRANCH_PREFIX "%s", name);
	int is_valid = 0;

	if (git_reference_name_is_valid(&is_valid, ref) < 0 || !is_valid)
		return error_set(
			err, EINVAL,
			"'%s' cannot be the name of a branch or a tag, nor is it "
			"a commit's id",
			name);
	*ret_ref = TAKE(ref);
	return 0;
}

static void add_near(struct near_list *list, const char *name, const char *wanted)
{
	struct near added = { name, near_distance(name, wanted) };
	size_t place = list->count;

	/* A branch and a tag of one name are one suggestion. */
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i].name, name) == 0)
			return;
	list->name_count++;
	while (place > 0 && list->items[place - 1].distance > added.distance)
		place--;
	if (place == NEAR_COUNT_MAX)
		return;
	if (list->count < NEAR_COUNT_MAX)
		list->count++;
	memmove(&list->items[place + 1], &list->items[place],
		(list->count - place - 1) * sizeof(list->items[0]));
	list->items[place] = added;
}

/* All of few names; of many, those that could have been meant. */
static void format_near(const struct near_list *list, char *ret_text, size_t size_bytes)
{
	bool is_all = list->name_count <= NEAR_COUNT_MAX;
	size_t used = 0;

	ret_text[0] = '\0';
	for (size_t i = 0; i < list->count && used < size_bytes; i++) {
		const char *begin = i > 0 ? ", "
			: is_all          ? ": it has "
					  : "; near to it are ";
		int written;

		if (!is_all && list->items[i].distance > NEAR_DISTANCE_MAX)
			break;
		written = snprintf(ret_text + used, size_bytes - used, "%s'%s'", begin,
				   list->items[i].name);
		used += written > 0 ? (size_t)written : 0;
	}
}

/* What a person would write for a ref; NULL: neither a branch nor a tag. */
static const char *short_name(const char *ref)
{
	if (strncmp(ref, BRANCH_PREFIX, strlen(BRANCH_PREFIX)) == 0)
		return ref + strlen(BRANCH_PREFIX);
	if (strncmp(ref, TAG_PREFIX, strlen(TAG_PREFIX)) == 0 &&
	    !strstr(ref, PEELED_SUFFIX))
		return ref + strlen(TAG_PREFIX);
	return NULL;
}

int resolve_missing(const git_remote_head *const *heads, size_t head_count,
		    const char *name, struct error *err)
{
	const char *kinds =
		resolve_is_id(name) ? "branch, tag or commit" : "branch or tag";
	struct near_list list = { 0 };
	char near[NEAR_TEXT_MAX_BYTES];

	if (head_count == 0)
		return error_set(
			err, ENODATA,
			"the repository is empty: nothing was ever pushed to it, so "
			"it has no %s '%s'",
			kinds, name);
	for (size_t i = 0; i < head_count; i++) {
		const char *offered = short_name(heads[i]->name);

		if (offered)
			add_near(&list, offered, name);
	}
	format_near(&list, near, sizeof(near));
	return error_set(err, ENOENT, "the repository has no %s '%s'%s", kinds, name,
			 near);
}

static const git_remote_head *find(const git_remote_head *const *heads, size_t head_count,
				   const char *ref)
{
	for (size_t i = 0; i < head_count; i++)
		if (strcmp(heads[i]->name, ref) == 0)
			return heads[i];
	return NULL;
}

static bool resolve_ref(const git_remote_head *const *heads, size_t head_count, char *ref,
			struct resolved *ret_resolved)
{
	autofree char *owned = ref;
	autofree char *peeled = text_format("%s" PEELED_SUFFIX, ref);
	const git_remote_head *head = find(heads, head_count, ref);
	const git_remote_head *commit = find(heads, head_count, peeled);

	if (!head)
		return false;
	*ret_resolved = (struct resolved){
		.remote_ref = text_copy(ref),
		.ref = TAKE(owned),
		/* An annotated tag is an object of its own, before the commit. */
		.id = commit ? commit->oid : head->oid,
	};
	return true;
}

/* A commit that a ref of the server stands at needs no other ref to be fetched. */
static char *find_tip(const git_remote_head *const *heads, size_t head_count,
		      const git_oid *id)
{
	for (size_t i = 0; i < head_count; i++) {
		const char *ref = heads[i]->name;

		if (git_oid_equal(&heads[i]->oid, id) && strncmp(ref, "refs/", 5) == 0)
			return text_format("%.*s", (int)strcspn(ref, "^"), ref);
	}
	return NULL;
}

static void resolve_id(const git_remote_head *const *heads, size_t head_count,
		       const char *name, struct resolved *ret_resolved)
{
	git_oid id;

	*ret_resolved = (struct resolved){ .ref = text_copy(RESOLVED_ID_REF) };
	if (strlen(name) < GIT_OID_HEXSZ || git_oid_fromstr(&id, name) < 0)
		return;
	ret_resolved->remote_ref = find_tip(heads, head_count, &id);
	if (ret_resolved->remote_ref)
		ret_resolved->id = id;
}

int resolve(const git_remote_head *const *heads, size_t head_count, const char *name,
	    struct resolved *ret_resolved, struct error *err)
{
	autofree char *branch = NULL;
	int result = resolve_name(name, &branch, err);

	if (result < 0)
		return result;
	if (resolve_ref(heads, head_count, TAKE(branch), ret_resolved) ||
	    resolve_ref(heads, head_count, text_format(TAG_PREFIX "%s", name),
			ret_resolved))
		return 0;
	/* In full, where a branch and a tag have the same name. */
	if (short_name(name) &&
	    resolve_ref(heads, head_count, text_copy(name), ret_resolved))
		return 0;
	if (head_count == 0 || !resolve_is_id(name))
		return resolve_missing(heads, head_count, name, err);
	resolve_id(heads, head_count, name, ret_resolved);
	return 0;
}

void resolve_done(struct resolved *resolved)
{
	free(resolved->remote_ref);
	free(resolved->ref);
	*resolved = (struct resolved){ 0 };
}
