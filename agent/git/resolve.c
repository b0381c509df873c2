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
 * From the name a person configured to what the server has under it. Branches only, for
 * now; a tag or an id will be another function of the same shape. A name that is not
 * there is most often misspelt, or "master" where one wrote "main": so the error names
 * the nearest ones.
 */

#define BRANCH_PREFIX "refs/heads/"
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
	size_t branch_count; /* of all the server has */
};

int resolve_name(const char *branch, char **ret_ref, struct error *err)
{
	autofree char *ref = text_format(BRANCH_PREFIX "%s", branch);
	int is_valid = 0;

	if (git_reference_name_is_valid(&is_valid, ref) < 0 || !is_valid)
		return error_set(err, EINVAL, "'%s' cannot be the name of a branch",
				 branch);
	*ret_ref = TAKE(ref);
	return 0;
}

static void add_near(struct near_list *list, const char *name, const char *wanted)
{
	struct near added = { name, near_distance(name, wanted) };
	size_t place = list->count;

	list->branch_count++;
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

/* All of few branches; of many, those that could have been meant. */
static void format_near(const struct near_list *list, char *ret_text, size_t size_bytes)
{
	bool is_all = list->branch_count <= NEAR_COUNT_MAX;
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

static int tell_missing(const git_remote_head *const *heads, size_t head_count,
			const char *branch, struct error *err)
{
	struct near_list list = { 0 };
	char near[NEAR_TEXT_MAX_BYTES];

	if (head_count == 0)
		return error_set(
			err, ENODATA,
			"the repository is empty: nothing was ever pushed to it, so "
			"it has no branch '%s'",
			branch);
	for (size_t i = 0; i < head_count; i++)
		if (strncmp(heads[i]->name, BRANCH_PREFIX, strlen(BRANCH_PREFIX)) == 0)
			add_near(&list, heads[i]->name + strlen(BRANCH_PREFIX), branch);
	format_near(&list, near, sizeof(near));
	return error_set(err, ENOENT, "the repository has no branch '%s'%s", branch,
			 near);
}

int resolve_branch(const git_remote_head *const *heads, size_t head_count,
		   const char *branch, struct resolved *ret_resolved, struct error *err)
{
	autofree char *ref = NULL;
	int result = resolve_name(branch, &ref, err);

	if (result < 0)
		return result;
	for (size_t i = 0; i < head_count; i++) {
		if (strcmp(heads[i]->name, ref) != 0)
			continue;
		*ret_resolved = (struct resolved){ TAKE(ref), heads[i]->oid };
		return 0;
	}
	return tell_missing(heads, head_count, branch, err);
}

void resolve_done(struct resolved *resolved)
{
	free(resolved->ref);
	*resolved = (struct resolved){ 0 };
}
