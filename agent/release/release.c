/* SPDX-License-Identifier: MIT */
#include "release/release.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "config/keys.h"
#include "metadata/metadata.h"
#include "release/release_types.h"
#include "release/tree.h"
#include "run/options.h"
#include "run/run.h"
#include "setup/setup_types.h"
#include "source/source_types.h"
#include "worker/worker.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/*
 * From a revision to a directory. A fresh release is entered as "making" before its first
 * file exists, so that what a killed run leaves is known by name and removed by the next;
 * it becomes "prepared" only after its last step. The truth is root's releases.json,
 * never the look of the tree.
 */

#define EXPORT_IDLE_MS INT64_C(300000)
#define NAMES_MAX 60
#define EXPORT_TOTAL_MS INT64_C(1800000)

/*
 * The releases that could serve the revision, as the records and the tree agree on them.
 */
struct choice {
	char *current;   /* `current` is complete and of that revision */
	char *candidate; /* the latest of the others */
	char *fresh;     /* the name for a new one */
};

static void choice_done(struct choice *choice)
{
	free(choice->current);
	free(choice->candidate);
	free(choice->fresh);
}

static bool is_complete(const struct run *run, const char *name, const char *revision)
{
	const struct release_record *record = releases_find(&run->releases, name);

	return record && record->state != RELEASE_MAKING &&
		text_is_equal(record->revision, revision);
}

/*
 * The time in UTC as Capistrano names releases, moved on by some seconds where the
 * records or the tree have that name already.
 */
static char *new_name(const struct releases *releases, time_t later_s)
{
	time_t seconds = (time_t)(clock_realtime_ms() / 1000) + later_s;

	for (;; seconds++) {
		char name[16];
		struct tm utc;

		(void)gmtime_r(&seconds, &utc);
		(void)strftime(name, sizeof(name), "%Y%m%d%H%M%S", &utc);
		if (!releases_find(releases, name))
			return text_copy(name);
	}
}

void release_keep_current(struct release *release, const struct json_object *current)
{
	const char *name = json_string(current, "release");
	const char *revision = json_string(current, "revision");

	if (!text_is_name(name))
		return;
	release->current_name = text_copy(name);
	if (!text_is_revision(revision))
		return;
	release->previous_name = text_copy(name);
	release->previous_revision = text_copy(revision);
}

static int ask(struct run *run, const char *candidate, const char *fresh,
	       struct json_object **ret_reply, struct error *err)
{
	struct json_object *request = json_new_object();

	if (candidate)
		json_set_string(request, "candidate", candidate);
	json_set_string(request, "fresh", fresh);
	return tree_perform(run, "inspect", request, ret_reply, err);
}

/* Directories beside it may be anything. */
int release_adopt_current(struct run *run, struct error *err)
{
	const struct release *release = run->release;
	struct release_record *record;

	if (!release->previous_name ||
	    releases_find(&run->releases, release->previous_name))
		return 0;
	record = releases_add(&run->releases, release->previous_name,
			      release->previous_revision);
	release_record_set(record, RELEASE_ADOPTED, run->metadata->instance_id,
			   run->boot_id);
	return releases_save(run->places.state_fd, &run->releases, err);
}

/*
 * It is about to be replaced, and no failure brings it back: a person is to know how.
 */
static void warn_of_current(struct run *run, const struct json_object *current)
{
	const char *name = json_string(current, "release");
	const char *target = json_string(current, "target");
	autofree char *line = NULL;

	if (!current || run->release->previous_name)
		return;
	if (name)
		line = text_format(
			"'current' leads to the release '%s', whose REVISION holds no "
			"full commit id: if this run fails, it is not gone back to; "
			"write the id there to change that",
			name);
	else
		line = text_format(
			"'current' leads to '%s', which is no release that can be gone "
			"back to: if this run fails, link it again by hand",
			target ? target : "");
	run_warn(run, line);
}

static int inspect(struct run *run, const char *revision, struct choice *choice,
		   struct error *err)
{
	const struct release_record *record =
		releases_find_revision(&run->releases, revision);
	autojson struct json_object *reply = NULL;
	struct release *release = run->release;
	int result;

	choice->fresh = new_name(&run->releases, 0);
	result = ask(run, record ? record->name : NULL, choice->fresh, &reply, err);
	if (result < 0)
		return result;
	release_keep_current(release, json_member(reply, "current", json_type_object));
	warn_of_current(run, json_member(reply, "current", json_type_object));
	if (record && text_is_equal(json_string(reply, "candidate"), revision))
		choice->candidate = text_copy(record->name);
	/* The list may move: no record of before is looked at from here on. */
	result = release_adopt_current(run, err);
	if (result < 0)
		return result;
	if (is_complete(run, release->previous_name, revision) &&
	    text_is_equal(release->previous_revision, revision))
		choice->current = text_copy(release->previous_name);
	for (time_t later_s = 1; !json_boolean(reply, "fresh") && later_s <= NAMES_MAX;
	     later_s++) {
		(void)json_object_put(TAKE(reply));
		free(choice->fresh);
		choice->fresh = new_name(&run->releases, later_s);
		result = ask(run, NULL, choice->fresh, &reply, err);
		if (result < 0)
			return result;
	}
	if (json_boolean(reply, "fresh"))
		return 0;
	return error_set(err, EEXIST,
			 "every name that a release could have now, up to '%s', is taken "
			 "in 'releases': remove what nobody needs there and run again",
			 choice->fresh);
}

/*
 * Half-made releases: their names are known, nobody uses them, the lock is ours. What
 * cannot be removed is in nobody's way but the disk's: it is told, and stays recorded for
 * the next run. One that somebody has made current by hand is left to him.
 */
static int remove_half_made(struct run *run, struct error *err)
{
	struct releases *releases = &run->releases;
	size_t removed_count = 0;

	for (size_t i = releases->count; i > 0; i--) {
		const char *name = releases->items[i - 1].name;
		struct error problem = { 0 };
		int result;

		if (releases->items[i - 1].state != RELEASE_MAKING ||
		    text_is_equal(name, run->release->current_name))
			continue;
		result = tree_remove_release(run, name, &problem);
		if (result == -ECANCELED) {
			*err = problem;
			return result;
		}
		if (result < 0) {
			run_warn(run, problem.text);
			continue;
		}
		releases_remove(releases, name);
		removed_count++;
	}
	return removed_count > 0 ? releases_save(run->places.state_fd, releases, err) : 0;
}

void release_set_target(struct run *run, const char *name, const char *revision)
{
	struct release *release = run->release;
	const struct release_record *record = releases_find(&run->releases, name);

	free(release->name);
	free(release->revision);
	free(release->directory);
	release->name = text_copy(name);
	release->revision = text_copy(revision);
	release->directory = text_format("%s/releases/%s", run->setup->deploy_to, name);
	release->is_current = text_is_equal(release->current_name, name);
	release->is_served =
		release->is_current && record && record->state == RELEASE_GOOD;
}

/* Each is a sentence on something that an export cannot fill in. */
static void log_warnings(const struct run *run, const struct json_object *reply)
{
	struct json_object *warnings = json_member(reply, "warnings", json_type_array);
	size_t count = warnings ? json_object_array_length(warnings) : 0;

	for (size_t i = 0; i < count; i++) {
		const char *text = json_text(json_object_array_get_idx(warnings, i));

		if (text)
			run_warn(run, text);
	}
}

/* What the export may take from: the release that served when the run began. */
static void add_reuse(const struct run *run, struct json_object *request)
{
	const struct release *release = run->release;
	const char *deploy_to = run->setup->deploy_to;
	autofree char *store = text_format("%s/shared/.bootagent", deploy_to);
	struct json_object *previous;
	autofree char *directory = NULL;

	json_set_string(request, "store", store);
	json_set_string(request, "reuse", config_reuse_words[run->config->release.reuse]);
	if (!release->previous_name)
		return;
	directory = text_format("%s/releases/%s", deploy_to, release->previous_name);
	previous = json_new_object();
	json_set_string(previous, "directory", directory);
	json_set_string(previous, "revision", release->previous_revision);
	json_set(request, "previous", previous);
}

static int perform_export(struct run *run, struct error *err)
{
	autojson struct json_object *request = json_new_object();
	autojson struct json_object *reply = NULL;
	const struct worker_task task = {
		.helper = "bootagent-source",
		.identity = &run->setup->application,
		.request = request,
		.idle_timeout_ms = EXPORT_IDLE_MS,
		.deadline = deadline_in(EXPORT_TOTAL_MS),
	};
	autofree char *taken = NULL;
	int64_t reused;
	int result;

	json_set_string(request, "verb", "export");
	json_set_string(request, "repository", run->setup->mirror);
	json_set_string(request, "revision", run->release->revision);
	json_set_string(request, "directory", run->release->directory);
	json_set_string(request, "deploy_to", run->setup->deploy_to);
	add_reuse(run, request);
	result = run_worker(run, &task, &reply, err);
	if (result < 0)
		return result;
	log_warnings(run, reply);
	reused = json_integer(reply, "reused", 0);
	if (reused > 0)
		taken = text_format(" (%lld as before)", (long long)reused);
	run_detail(run, "%s: %lld files%s, %.1f MB", run->release->name,
		   (long long)json_integer(reply, "files", 0), taken ? taken : "",
		   (double)json_integer(reply, "bytes", 0) / 1e6);
	return 0;
}

static struct json_object *target_request(const struct release *release)
{
	struct json_object *request = json_new_object();

	json_set_string(request, "release", release->name);
	json_set_string(request, "revision", release->revision);
	return request;
}

/* That name is none of ours, or none any more: there is nothing to remove later. */
static int disown(struct run *run, const char *name, struct error *err)
{
	struct error ignored;

	releases_remove(&run->releases, name);
	if (releases_save(run->places.state_fd, &run->releases, &ignored) < 0)
		return error_wrap(err, "%s", ignored.text);
	return err->code;
}

/*
 * What fills the disk does not wait for the next run: the release that serves needs room
 * for its logs. If it cannot be removed now, that run will see to it.
 */
static int give_room(struct run *run, const char *name, struct error *err)
{
	struct error problem = { 0 };

	if (tree_remove_release(run, name, &problem) == 0)
		return disown(run, name, err);
	if (problem.code == -ECANCELED)
		*err = problem;
	return err->code;
}

static int make_release(struct run *run, const char *name, const char *revision,
			struct error *err)
{
	struct release_record *record = releases_add(&run->releases, name, revision);
	int result;

	release_record_set(record, RELEASE_MAKING, run->metadata->instance_id,
			   run->boot_id);
	result = releases_save(run->places.state_fd, &run->releases, err);
	if (result < 0)
		return result;
	release_set_target(run, name, revision);
	run->release->is_fresh = true;
	result = tree_perform(run, "prepare", target_request(run->release), NULL, err);
	if (result == -EEXIST)
		return disown(run, name, err);
	if (result == 0)
		result = perform_export(run, err);
	if (result == -ENOSPC || result == -EDQUOT)
		return give_room(run, name, err);
	if (result == 0)
		result = tree_perform(run, "finish", target_request(run->release), NULL,
				      err);
	return result;
}

static int choose(struct run *run, const char *revision, const struct choice *choice,
		  struct error *err)
{
	const char *name = choice->current ? choice->current : choice->candidate;
	const struct release_record *lost;

	/* What is complete may be just what does not work. */
	if (name && !run->options->has_force) {
		release_set_target(run, name, revision);
		run_detail(run, "%s is %s", name,
			   run->release->is_served ? "served already" : "complete");
		return 0;
	}
	/* Recorded, and removed or changed by somebody else: it is made anew. */
	while (!name && (lost = releases_find_revision(&run->releases, revision))) {
		autofree char *lost_name = text_copy(lost->name);

		releases_remove(&run->releases, lost_name);
	}
	return make_release(run, choice->fresh, revision, err);
}

int release_stage(struct run *run, struct error *err)
{
	const char *revision = run->source->revision;
	struct choice choice = { 0 };
	int result;

	run->release = memory_new(1, sizeof(*run->release));
	result = inspect(run, revision, &choice, err);
	if (result == 0)
		result = remove_half_made(run, err);
	if (result == 0)
		result = choose(run, revision, &choice, err);
	choice_done(&choice);
	return result;
}

static bool retarget(struct run *run, const char *name, const char *revision)
{
	autofree char *name_copy = text_copy(name);
	autofree char *revision_copy = text_copy(revision);

	release_set_target(run, name_copy, revision_copy);
	run->release->is_fresh = false;
	return true;
}

/*
 * What served when the run began: a release that has proven itself, or one that is in no
 * record of ours (made by cap, say) and was the current one all the same.
 */
static bool can_go_back_to_previous(const struct run *run, bool has_target_failed)
{
	const struct release *release = run->release;
	const struct release_record *record;

	if (!release->previous_name)
		return false;
	if (has_target_failed && text_is_equal(release->previous_name, release->name))
		return false;
	record = releases_find(&run->releases, release->previous_name);
	return !record || record->state >= RELEASE_ADOPTED;
}

bool release_retarget(struct run *run, bool has_target_failed)
{
	const struct release_record *last;

	if (has_target_failed && run->release->is_served)
		return false;
	/* A failure before RELEASE: what `current` is, ACTIVATE will find out. */
	if (!run->release)
		run->release = memory_new(1, sizeof(*run->release));
	if (can_go_back_to_previous(run, has_target_failed))
		return retarget(run, run->release->previous_name,
				run->release->previous_revision);
	last = releases_last_good(&run->releases,
				  has_target_failed ? run->release->name : NULL);
	return last && retarget(run, last->name, last->revision);
}

bool release_has_other(const struct run *run)
{
	return can_go_back_to_previous(run, false) ||
		releases_last_good(&run->releases, NULL);
}

bool release_retarget_next(struct run *run)
{
	struct release *release = run->release;
	const struct release_record *last;

	releases_remove(&run->releases, release->name);
	if (text_is_equal(release->previous_name, release->name))
		free(TAKE(release->previous_name));
	last = releases_last_good(&run->releases, NULL);
	return last && retarget(run, last->name, last->revision);
}

void release_stage_done(struct run *run)
{
	struct release *release = run->release;

	if (!release)
		return;
	free(release->name);
	free(release->revision);
	free(release->directory);
	free(release->current_name);
	free(release->previous_name);
	free(release->previous_revision);
	free(release);
	run->release = NULL;
}
