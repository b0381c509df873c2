/* SPDX-License-Identifier: MIT */
#include "release/release.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "release/decide.h"
#include "release/release_types.h"
#include "release/tree.h"
#include "run/options.h"
#include "run/pin.h"
#include "run/run.h"
#include "run/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * Which release a person wants back. Nothing is fetched and nothing is made: what can be
 * gone back to is in root's records and still in the tree, with the revision that the
 * records have for it. The release is pinned to, or the next sync would bring back what
 * was just left; what was left is remembered, so that going back twice goes back further.
 */

#define LISTED_MAX 8
#define LIST_TEXT_BYTES 360

/* Newest first: "20261124083951 (good, current), 20261124083950 (good)". */
static void list_releases(const struct run *run, char ret_text[static LIST_TEXT_BYTES])
{
	size_t used = 0, listed = 0;

	(void)strcpy(ret_text, "none");
	for (size_t i = run->releases.count; i > 0 && listed < LISTED_MAX; i--) {
		const struct release_record *record = &run->releases.items[i - 1];
		bool is_current = text_is_equal(record->name, run->release->current_name);

		if (record->state == RELEASE_MAKING)
			continue;
		used += (size_t)snprintf(ret_text + used, LIST_TEXT_BYTES - used,
					 "%s%s (%s%s)", listed > 0 ? ", " : "",
					 record->name, release_state_word(record->state),
					 is_current ? ", current" : "");
		if (used >= LIST_TEXT_BYTES)
			return;
		listed++;
	}
}

static int say_none(const struct run *run, struct error *err)
{
	char list[LIST_TEXT_BYTES];

	if (run->releases.count == 0)
		return error_set(err, ENOENT,
				 "no release of this machine is known yet: 'bootagent "
				 "sync' makes one, and knows what is current before it");
	list_releases(run, list);
	return error_set(
		err, ENOENT,
		"no good release is left to go back to: name one of the releases "
		"on this machine (%s), or 'bootagent sync --ref' a revision",
		list);
}

static int say_unknown(const struct run *run, const char *name, struct error *err)
{
	char list[LIST_TEXT_BYTES];

	list_releases(run, list);
	return error_set(
		err, ENOENT,
		"there is no complete release '%s' on this machine that is known to be "
		"one; those are: %s; 'bootagent sync --ref' a revision for another",
		name, list);
}

int release_find_current(struct run *run, struct error *err)
{
	autojson struct json_object *reply = NULL;
	int result = tree_perform(run, "inspect", json_new_object(), &reply, err);

	if (result < 0)
		return result;
	release_keep_current(run->release,
			     json_member(reply, "current", json_type_object));
	return 0;
}

/* Whether a release is still what its record says. */
static int inspect(struct run *run, const struct release_record *candidate,
		   struct error *err)
{
	struct json_object *request = json_new_object();
	autojson struct json_object *reply = NULL;
	int result;

	json_set_string(request, "candidate", candidate->name);
	result = tree_perform(run, "inspect", request, &reply, err);
	if (result < 0)
		return result;
	if (text_is_equal(json_string(reply, "candidate"), candidate->revision))
		return 0;
	return error_set(
		err, ESTALE,
		"the release '%s' is not in 'releases' any more, or not with the "
		"revision %.12s: go back to another one",
		candidate->name, candidate->revision);
}

/* The one that was named. */
static int find_named(struct run *run, const char *name,
		      const struct release_record **ret_record, struct error *err)
{
	const struct release_record *record = releases_find(&run->releases, name);

	if (!record || record->state == RELEASE_MAKING)
		return say_unknown(run, name, err);
	*ret_record = record;
	return inspect(run, record, err);
}

/*
 * The latest good one that is not served, was not left before, is still there, and has
 * not failed since.
 */
static int find_last(struct run *run, const struct release_record **ret_record,
		     struct error *err)
{
	for (size_t i = run->releases.count; i > 0; i--) {
		const struct release_record *record = &run->releases.items[i - 1];
		int result;

		if (record->state < RELEASE_ADOPTED || record->is_left ||
		    text_is_equal(record->name, run->release->current_name) ||
		    decide_is_bad(run, record->revision))
			continue;
		result = inspect(run, record, err);
		if (result == -ESTALE)
			continue;
		*ret_record = record;
		return result;
	}
	return say_none(run, err);
}

/* A run that is killed from here on is gone on with by the next sync. */
static int decide(struct run *run, const struct release_record *target, struct error *err)
{
	struct release_record *left =
		releases_find(&run->releases, run->release->current_name);
	int result;

	release_set_target(run, target->name, target->revision);
	result = run_set_pin(run, run->release->revision, NULL, err);
	if (result < 0)
		return result;
	status_set_wanted(run, run->release->revision);
	run_detail(run, "to %s, %.12s; pinned", run->release->name,
		   run->release->revision);
	if (!left || left == target || left->is_left)
		return 0;
	left->is_left = true;
	return releases_save(run->places.state_fd, &run->releases, err);
}

int rollback_stage(struct run *run, struct error *err)
{
	const char *name = run->options->operand;
	const struct release_record *target = NULL;
	int result = run_load_pin(run, err);

	if (result < 0)
		return result;
	run->release = memory_new(1, sizeof(*run->release));
	result = release_find_current(run, err);
	if (result == 0)
		result = release_adopt_current(run, err);
	if (result == 0)
		result = name ? find_named(run, name, &target, err)
			      : find_last(run, &target, err);
	return result < 0 ? result : decide(run, target, err);
}
