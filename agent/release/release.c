/* SPDX-License-Identifier: MIT */
#include "release/release.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "metadata/metadata.h"
#include "release/release_types.h"
#include "release/tree.h"
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
#define EXPORT_TOTAL_MS INT64_C(1800000)

/*
 * The releases that could serve the revision, as the records and the tree agree on them.
 */
struct choice {
	char *current;   /* `current` is complete and of that revision */
	char *candidate; /* the latest of the others */
};

static void choice_done(struct choice *choice)
{
	free(choice->current);
	free(choice->candidate);
}

static bool is_complete(const struct run *run, const char *name, const char *revision)
{
	const struct release_record *record = releases_find(&run->releases, name);

	return record && record->state != RELEASE_MAKING &&
		text_is_equal(record->revision, revision);
}

static int inspect(struct run *run, const char *revision, struct choice *choice,
		   struct error *err)
{
	const struct release_record *record =
		releases_find_revision(&run->releases, revision);
	struct json_object *request = json_new_object();
	autojson struct json_object *reply = NULL;
	const struct json_object *current;
	const char *name;
	int result;

	if (record)
		json_set_string(request, "candidate", record->name);
	result = tree_perform(run, "inspect", request, &reply, err);
	if (result < 0)
		return result;
	current = json_member(reply, "current", json_type_object);
	name = json_string(current, "release");
	if (text_is_name(name))
		run->release->current_name = text_copy(name);
	if (is_complete(run, name, revision) &&
	    text_is_equal(json_string(current, "revision"), revision))
		choice->current = text_copy(name);
	if (record && text_is_equal(json_string(reply, "candidate"), revision))
		choice->candidate = text_copy(record->name);
	return 0;
}

/* Half-made releases: their names are known, nobody uses them, the lock is ours. */
static int remove_half_made(struct run *run, struct error *err)
{
	struct json_object *request = json_new_object(), *names = json_new_array();
	int result;

	json_set(request, "releases", names);
	for (size_t i = 0; i < run->releases.count; i++)
		if (run->releases.items[i].state == RELEASE_MAKING)
			(void)json_object_array_add(names,
						    json_object_new_string(
							    run->releases.items[i].name));
	if (json_object_array_length(names) == 0) {
		(void)json_object_put(request);
		return 0;
	}
	result = tree_perform(run, "remove", request, NULL, err);
	if (result < 0)
		return error_wrap(err, "remove half-made releases");
	for (size_t i = run->releases.count; i > 0; i--)
		if (run->releases.items[i - 1].state == RELEASE_MAKING)
			releases_remove(&run->releases, run->releases.items[i - 1].name);
	return releases_save(run->places.state_fd, &run->releases, err);
}

/*
 * The time in UTC as Capistrano names releases, moved on until no release has that name.
 */
static char *new_name(const struct releases *releases)
{
	time_t seconds = (time_t)(clock_realtime_ms() / 1000);

	for (;; seconds++) {
		char name[16];
		struct tm utc;

		(void)gmtime_r(&seconds, &utc);
		(void)strftime(name, sizeof(name), "%Y%m%d%H%M%S", &utc);
		if (!releases_find(releases, name))
			return text_copy(name);
	}
}

static void set_target(struct run *run, const char *name, const char *revision)
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
	release->was_good = record && record->state == RELEASE_GOOD;
	release->is_served = release->is_current && release->was_good;
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
	int result;

	json_set_string(request, "verb", "export");
	json_set_string(request, "repository", run->setup->mirror);
	json_set_string(request, "revision", run->release->revision);
	json_set_string(request, "directory", run->release->directory);
	result = run_worker(run, &task, &reply, err);
	if (result < 0)
		return result;
	run_detail(run, "%s: %lld files, %.1f MB", run->release->name,
		   (long long)json_integer(reply, "files", 0),
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

static int make_release(struct run *run, const char *revision, struct error *err)
{
	autofree char *name = new_name(&run->releases);
	struct release_record *record = releases_add(&run->releases, name, revision);
	int result;

	release_record_set(record, RELEASE_MAKING, run->metadata->instance_id,
			   run->boot_id);
	result = releases_save(run->places.state_fd, &run->releases, err);
	if (result < 0)
		return result;
	set_target(run, name, revision);
	run->release->is_fresh = true;
	result = tree_perform(run, "prepare", target_request(run->release), NULL, err);
	if (result == 0)
		result = perform_export(run, err);
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

	if (name) {
		set_target(run, name, revision);
		run_detail(run, "%s is %s", name,
			   run->release->is_served ? "served already" : "complete");
		return 0;
	}
	/* Recorded, and removed or changed by somebody else: it is made anew. */
	while ((lost = releases_find_revision(&run->releases, revision))) {
		autofree char *lost_name = text_copy(lost->name);

		releases_remove(&run->releases, lost_name);
	}
	return make_release(run, revision, err);
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

bool release_retarget(struct run *run, bool has_target_failed)
{
	const struct release_record *last;

	if (has_target_failed && run->release->was_good)
		return false;
	last = releases_last_good(&run->releases,
				  has_target_failed ? run->release->name : NULL);
	if (!last)
		return false;
	/* A failure before RELEASE: what `current` is, ACTIVATE will find out. */
	if (!run->release)
		run->release = memory_new(1, sizeof(*run->release));
	set_target(run, last->name, last->revision);
	run->release->is_fresh = false;
	return true;
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
	free(release);
	run->release = NULL;
}
