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
#include "secrets/blank.h"
#include "setup/setup_types.h"
#include "steps/command.h"
#include "steps/environment.h"
#include "steps/outputs.h"
#include "worker/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * The configuration's steps. They get an explicit environment and the release's
 * directory; before-publish steps are what turns a fresh export into a prepared release,
 * so their end is where it is marked.
 */

/* The whole file system, without a word: as long as a flip may take. */
#define FLUSH_TOTAL_MS INT64_C(600000)
/* What a step made is written to the disk, whatever is left of its own time. */
#define KEEPING_MS INT64_C(600000)

static int perform_command(struct run *run, const struct config_step *step,
			   const struct config_texts *environment,
			   struct step_record *record, struct error *err)
{
	const struct command command = {
		.arguments = (const char *const *)step->run.items,
		.environment = (const char *const *)environment->items,
		.directory = run->release->directory,
		.identity = &run->setup->application,
		.deadline = deadline_sooner(deadline_in(step->timeout_ms), run->deadline),
	};
	autofree struct command_end *end = memory_new(1, sizeof(*end));
	int result = command_run(&run->loop, &command, end, err);

	record->exit_status = end->exit_status;
	record->signal = end->signal;
	blank_secrets(run->secrets, end->tail, end->is_cut);
	free(run->step_output);
	run->step_output = text_copy(end->tail);
	return result;
}

/* The command runs only if its outputs, should it have any, are not there already. */
static int perform_cached(struct run *run, const struct config_step *step,
			  const struct config_texts *environment,
			  struct step_record *record, struct error *err)
{
	struct outputs outputs = {
		.step = step,
		.environment = environment,
		.deadline = deadline_sooner(deadline_in(step->timeout_ms), run->deadline),
	};
	int result;

	/* What an earlier step wrote says nothing of this one. */
	free(run->step_output);
	run->step_output = NULL;
	result = outputs_find(run, &outputs, err);
	(void)strcpy(record->key, outputs.key);
	record->is_cached = outputs.is_hit;
	if (result == 0 && !outputs.is_hit) {
		result = perform_command(run, step, environment, record, err);
		outputs.deadline =
			deadline_sooner(deadline_in(KEEPING_MS), run->deadline);
		if (result == 0)
			result = outputs_keep(run, &outputs, err);
		if (result < 0 && result != -ECANCELED)
			outputs_drop(run, &outputs);
	}
	outputs_done(&outputs);
	return result;
}

static int perform(struct run *run, const struct config_step *step,
		   const struct config_texts *environment, struct error *err)
{
	struct step_record *record = run_add_step(run, step->name);
	int64_t begun_ms = clock_monotonic_ms();
	int result = step->outputs.count > 0
		? perform_cached(run, step, environment, record, err)
		: perform_command(run, step, environment, record, err);

	record->duration_ms = clock_monotonic_ms() - begun_ms;
	record->state = result == 0 ? "done" : "failed";
	return result < 0 ? error_wrap(err, "step '%s'", step->name) : 0;
}

static int perform_all(struct run *run, enum step_when when, struct error *err)
{
	struct config_texts environment = { 0 };
	const struct config_steps *steps = &run->config->steps;
	size_t count = 0, cached_count = 0;
	int result = 0;

	environment_make(run, &environment);
	for (size_t i = 0; i < steps->count && result == 0; i++) {
		if (steps->items[i].when != (int64_t)when)
			continue;
		result = perform(run, &steps->items[i], &environment, err);
		count++;
		cached_count += run->steps[run->step_count - 1].is_cached;
	}
	environment_done(&environment);
	if (cached_count > 0)
		run_detail(run, "%zu step%s, %zu as before", count, count == 1 ? "" : "s",
			   cached_count);
	else
		run_detail(run, "%zu step%s", count, count == 1 ? "" : "s");
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
	const struct worker_task task = {
		.helper = "bootagent-tree",
		.identity = &run->setup->application,
		.request = request,
		.idle_timeout_ms = FLUSH_TOTAL_MS,
		.deadline = deadline_in(FLUSH_TOTAL_MS),
	};

	json_set_string(request, "verb", "flush");
	json_set_string(request, "deploy_to", run->setup->deploy_to);
	json_set_string(request, "release", run->release->name);
	json_set_string(request, "revision", run->release->revision);
	return run_worker(run, &task, &reply, err);
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
