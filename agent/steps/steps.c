/* SPDX-License-Identifier: MIT */
#include "steps/steps.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "metadata/metadata.h"
#include "release/release_types.h"
#include "run/run.h"
#include "steps/environment.h"
#include "steps/errand.h"
#include "steps/group.h"

#include <stdlib.h>
#include <string.h>

/*
 * The configuration's steps. They get an explicit environment and the release's
 * directory; before-publish steps are what turns a fresh export into a prepared release,
 * so their end is where it is marked.
 */

/* The whole file system, without a word: as long as a flip may take. */
#define FLUSH_TOTAL_MS INT64_C(600000)

/* The steps of one kind in their order. The caller frees the list. */
static const struct config_step **select_steps(const struct run *run, enum step_when when,
					       size_t *ret_count)
{
	const struct config_steps *steps = &run->config->steps;
	const struct config_step **selected =
		memory_new(steps->count + 1, sizeof(*selected));

	*ret_count = 0;
	for (size_t i = 0; i < steps->count; i++)
		if (steps->items[i].when == (int64_t)when)
			selected[(*ret_count)++] = &steps->items[i];
	return selected;
}

/* How many of the steps may begin together: neighbours that all say so, else one. */
static size_t group_length(const struct config_step *const *steps, size_t count)
{
	size_t length = 0;

	while (length < count && steps[length]->is_parallel)
		length++;
	return length ? length : 1;
}

static void describe(struct run *run, size_t count, size_t first_record)
{
	size_t cached_count = 0;

	for (size_t i = first_record; i < run->step_count; i++)
		cached_count += run->steps[i].is_cached;
	if (cached_count > 0)
		run_detail(run, "%zu step%s, %zu as before", count, count == 1 ? "" : "s",
			   cached_count);
	else
		run_detail(run, "%zu step%s", count, count == 1 ? "" : "s");
}

static int perform_all(struct run *run, enum step_when when, struct error *err)
{
	struct config_texts environment = { 0 };
	size_t count, next = 0, first_record = run->step_count;
	autofree const struct config_step **steps = select_steps(run, when, &count);
	int result = 0;

	environment_make(run, &environment);
	while (next < count && result == 0) {
		size_t length = group_length(steps + next, count - next);

		result = group_perform(run, steps + next, length, &environment, err);
		next += length;
	}
	environment_done(&environment);
	describe(run, next, first_record);
	return result;
}

/*
 * The record outlives a power cut that takes what steps have just written: it is not to
 * be on the disk before that is (facts R4).
 */
static int flush(struct run *run, struct error *err)
{
	autojson struct json_object *request = json_new_object();
	autojson struct json_object *reply = NULL;

	json_set_string(request, "release", run->release->name);
	json_set_string(request, "revision", run->release->revision);
	return errand_run(run, "flush", request, deadline_in(FLUSH_TOTAL_MS), &reply,
			  err);
}

int steps_stage(struct run *run, struct error *err)
{
	struct release_record *record = releases_find(&run->releases, run->release->name);
	int result = perform_all(run, STEP_BEFORE_PUBLISH, err);

	if (result == 0 && config_has_steps(run->config, STEP_BEFORE_PUBLISH))
		result = flush(run, err);
	if (result < 0)
		return result;
	release_record_set(record, RELEASE_PREPARED, run->metadata->instance_id,
			   run->boot_id);
	return releases_save(run->places.state_fd, &run->releases, err);
}

int after_publish_stage(struct run *run, struct error *err)
{
	return perform_all(run, STEP_AFTER_PUBLISH, err);
}

int after_ready_stage(struct run *run, struct error *err)
{
	return perform_all(run, STEP_AFTER_READY, err);
}
