/* SPDX-License-Identifier: MIT */
#include "steps/group.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "release/release_types.h"
#include "run/run.h"
#include "setup/setup_types.h"
#include "steps/job.h"
#include "steps/output.h"
#include "steps/outputs.h"

#include <errno.h>
#include <string.h>

/*
 * Steps at the same time; one alone is a group of one. All of them are waited for in one
 * place, so the first that fails is known, whichever it is, and the others are ended with
 * it: at the end of a group nothing of a failed one runs. Outputs are looked for before
 * the first begins, and kept after the last has ended.
 */

/* What a step made is written to the disk, whatever is left of its own time. */
#define KEEPING_MS INT64_C(600000)

struct task {
	const struct config_step *step;
	struct command command;
	struct job job;
	struct output output;
	struct outputs outputs;
	int64_t begun_ms, ended_ms;
	size_t record; /* index in run->steps */
	bool is_recorded, is_started, is_judged;
	bool is_sought; /* its outputs were looked for */
};

struct group {
	struct run *run;
	struct task *tasks;
	size_t count;
	struct task *failed; /* NULL: none, or a signal came */
};

static void on_output(void *userdata, const char *data, size_t length_bytes)
{
	struct task *task = userdata;

	output_add(&task->output, data, length_bytes);
}

static struct step_record *record_of(struct group *group, struct task *task)
{
	struct run *run = group->run;

	if (!task->is_recorded) {
		(void)run_add_step(run, task->step->name);
		task->record = run->step_count - 1;
		task->begun_ms = clock_monotonic_ms();
		task->is_recorded = true;
	}
	return &run->steps[task->record];
}

static int start(struct group *group, struct task *task, struct error *err)
{
	struct run *run = group->run;
	int result;

	(void)record_of(group, task);
	output_init(&task->output, run, task->step->name, group->count > 1);
	task->job.on_output = on_output;
	task->job.userdata = task;
	task->is_started = true;
	result = job_start(&run->loop, &task->command, &task->job, err);
	if (result < 0) {
		task->is_judged = true;
		group->failed = task;
	}
	return result;
}

static bool has_news(const void *data)
{
	const struct group *group = data;

	for (size_t i = 0; i < group->count; i++)
		if (!group->tasks[i].is_judged && job_is_over(&group->tasks[i].job))
			return true;
	return false;
}

static bool is_over(const struct group *group)
{
	for (size_t i = 0; i < group->count; i++)
		if (!group->tasks[i].is_judged)
			return false;
	return true;
}

static struct task *next_deadline(const struct group *group)
{
	struct task *next = NULL;

	for (size_t i = 0; i < group->count; i++) {
		struct task *task = &group->tasks[i];

		if (!task->is_judged &&
		    (!next ||
		     task->command.deadline.at_ms < next->command.deadline.at_ms))
			next = task;
	}
	return next;
}

static int judge(struct group *group, struct task *task, struct error *err)
{
	int result = job_judge(&group->run->loop, &task->job, err);

	task->is_judged = true;
	task->ended_ms = clock_monotonic_ms();
	if (result < 0 && result != -ECANCELED)
		group->failed = task;
	return result;
}

/* Its own time, or what the whole run may take. */
static int say_late(const struct run *run, struct error *err)
{
	if (deadline_is_over(run->deadline))
		return error_set(err, ETIMEDOUT,
				 "not done in the time of the whole run, ended: raise "
				 "boot.deadline if it needs longer");
	return error_set(err, ETIMEDOUT,
			 "not done within its timeout, ended: raise 'timeout' if it "
			 "needs longer");
}

/* Until one has ended, and judges it. */
static int await_next(struct group *group, struct error *err)
{
	struct task *next = next_deadline(group);
	int result = loop_wait(&group->run->loop, has_news, group, next->command.deadline,
			       err);

	if (result == -ETIME) {
		group->failed = next;
		return say_late(group->run, err);
	}
	for (size_t i = 0; i < group->count && result == 0; i++)
		if (!group->tasks[i].is_judged && job_is_over(&group->tasks[i].job))
			result = judge(group, &group->tasks[i], err);
	return result;
}

static void stop(struct group *group)
{
	autofree struct kept **all = memory_new(group->count, sizeof(*all));
	size_t count = 0;

	for (size_t i = 0; i < group->count; i++)
		if (group->tasks[i].job.kept.pid > 0)
			all[count++] = &group->tasks[i].job.kept;
	kept_stop(&group->run->loop, all, count, JOB_GRACE_MS);
}

/* A command that ended well, just before it would have been ended, is no failure. */
static const char *state_of(const struct group *group, const struct task *task)
{
	const struct kept *kept = &task->job.kept;

	if (task == group->failed)
		return "failed";
	return kept->has_left && !kept->was_stopped ? "done" : "interrupted";
}

static void finish(struct group *group, struct task *task)
{
	const struct kept *kept = &task->job.kept;
	struct step_record *record;

	if (!task->is_started)
		return;
	record = record_of(group, task);
	record->state = state_of(group, task);
	record->exit_status = kept->exec_error ? -1 : kept->exit_status;
	record->signal = kept->signal;
	record->duration_ms =
		(task->ended_ms ? task->ended_ms : clock_monotonic_ms()) - task->begun_ms;
	if (kept->pid > 0)
		job_drain(&task->job);
	output_end(&task->output);
}

/* Which step it was, and where to look. */
static int describe(struct group *group, struct error *err)
{
	const struct task *failed = group->failed;
	autofree char *place = output_place(&failed->output);
	const struct error reason = *err;

	return error_set(err, reason.code, "step '%s': %s%s%s", failed->step->name,
			 reason.text, place ? "; what it wrote: " : "",
			 place ? place : "");
}

static int run_all(struct group *group, struct error *err)
{
	int result = 0;

	for (size_t i = 0; i < group->count && result == 0; i++)
		if (!group->tasks[i].is_judged)
			result = start(group, &group->tasks[i], err);
	while (result == 0 && !is_over(group))
		result = await_next(group, err);
	if (result < 0)
		stop(group);
	for (size_t i = 0; i < group->count; i++)
		finish(group, &group->tasks[i]);
	return result;
}

/*
 * A step whose outputs are there already is done before it begins; another's record is
 * completed once it has run, which it never does in a group that fails here.
 */
static int find_outputs(struct group *group, struct task *task, struct error *err)
{
	int64_t begun_ms = clock_monotonic_ms();
	struct step_record *record = record_of(group, task);
	int result = outputs_find(group->run, &task->outputs, err);

	task->is_sought = true;
	(void)strcpy(record->key, task->outputs.key);
	record->is_cached = task->outputs.is_hit;
	record->duration_ms = clock_monotonic_ms() - begun_ms;
	record->state = task->outputs.is_hit ? "done" : "interrupted";
	if (result < 0 && result != -ECANCELED)
		record->state = "failed";
	task->is_judged = task->outputs.is_hit;
	return result < 0 ? error_wrap(err, "step '%s'", task->step->name) : 0;
}

static int find_all_outputs(struct group *group, struct error *err)
{
	int result = 0;

	for (size_t i = 0; i < group->count && result == 0; i++)
		if (group->tasks[i].step->outputs.count > 0)
			result = find_outputs(group, &group->tasks[i], err);
	return result;
}

static int keep_outputs(struct group *group, struct task *task, struct error *err)
{
	struct step_record *record = record_of(group, task);
	int64_t begun_ms = clock_monotonic_ms();
	int result;

	if (!text_is_equal(record->state, "done"))
		return -ECHILD;
	result = outputs_keep(group->run, &task->outputs, err);
	record->duration_ms += clock_monotonic_ms() - begun_ms;
	if (result == 0)
		return 0;
	record->state = "failed";
	return error_wrap(err, "step '%s'", task->step->name);
}

/*
 * What one made that ended well is kept also if another failed; the error is the steps'
 * own, if they have one. Interrupted, the next run does the rest.
 */
static int keep_all_outputs(struct group *group, int result, struct error *err)
{
	for (size_t i = 0; i < group->count && result != -ECANCELED; i++) {
		struct task *task = &group->tasks[i];
		struct error problem = { 0 };
		int kept;

		if (!task->is_sought || task->outputs.is_hit)
			continue;
		task->outputs.deadline =
			deadline_sooner(deadline_in(KEEPING_MS), group->run->deadline);
		kept = keep_outputs(group, task, &problem);
		if (kept < 0 && kept != -ECANCELED)
			outputs_drop(group->run, &task->outputs);
		if (problem.code && (result == 0 || kept == -ECANCELED)) {
			*err = problem;
			result = kept;
		}
	}
	return result;
}

static int perform(struct group *group, struct error *err)
{
	int result = find_all_outputs(group, err);

	if (result == 0) {
		result = run_all(group, err);
		if (result < 0 && group->failed) {
			output_tell(&group->failed->output);
			result = describe(group, err);
		}
	}
	return keep_all_outputs(group, result, err);
}

static void prepare(struct group *group, const struct config_step *const *steps,
		    const struct config_texts *environment)
{
	const struct run *run = group->run;

	for (size_t i = 0; i < group->count; i++) {
		const struct config_step *step = steps[i];

		group->tasks[i].step = step;
		group->tasks[i].command = (struct command){
			.arguments = (const char *const *)step->run.items,
			.environment = (const char *const *)environment->items,
			.directory = run->release->directory,
			.identity = &run->setup->application,
			.deadline = deadline_sooner(deadline_in(step->timeout_ms),
						    run->deadline),
			.tasks_max = step->tasks_max,
		};
		group->tasks[i].outputs = (struct outputs){
			.step = step,
			.environment = environment,
			.deadline = group->tasks[i].command.deadline,
		};
	}
}

int group_perform(struct run *run, const struct config_step *const *steps, size_t count,
		  const struct config_texts *environment, struct error *err)
{
	autofree struct task *tasks = memory_new(count, sizeof(*tasks));
	struct group group = { .run = run, .tasks = tasks, .count = count };
	int result;

	prepare(&group, steps, environment);
	result = perform(&group, err);
	for (size_t i = 0; i < count; i++) {
		outputs_done(&tasks[i].outputs);
		if (!tasks[i].is_started)
			continue;
		job_done(&tasks[i].job);
		output_done(&tasks[i].output);
	}
	return result;
}
