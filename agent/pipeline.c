/* SPDX-License-Identifier: MIT */
#include "pipeline.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "lifecycle/hook.h"
#include "lifecycle/verdict.h"
#include "ready/ready.h"
#include "release/decide.h"
#include "release/link.h"
#include "release/release.h"
#include "release/release_types.h"
#include "release/variables.h"
#include "run/begin.h"
#include "run/run.h"
#include "run/status.h"
#include "secrets/secrets.h"
#include "settle.h"
#include "setup/setup.h"
#include "setup/setup_types.h"
#include "source/source.h"
#include "state/gate.h"
#include "steps/requirements.h"
#include "steps/steps.h"

#include <errno.h>
#include <string.h>

/*
 * The table of contents. A verb is a slice of this table; a stage is a row. Stages do not
 * know each other: what one finds out, a later one reads from struct run. When one fails,
 * the slice BACK runs on the last good release, and FINISH always has the last word.
 */

enum slice {
	BOOT = 1 << 0,
	SYNC = 1 << 1,
	BACK = 1 << 2, /* taking back: the last good release is made current and proven */
	TELL = 1 << 3, /* after a failure before HOOK: there is a verdict to deliver */
	FINISH = 1 << 4, /* after the outcome is known */
	ROLLBACK = 1 << 5,
	TIDY = 1 << 6, /* at the end of a run that went well */
	ALL = BOOT | SYNC | ROLLBACK,
};

struct stage {
	const char *name;
	int (*perform)(struct run *run, struct error *err);
	bool (*is_needed)(const struct run *run); /* NULL: always */
	void (*done)(struct run *run); /* frees its result; NULL: it has none */
	const char *cause;             /* of a failure, in the status */
	unsigned int slices;
	bool is_forgiven; /* its failure is told and changes nothing */
};

static bool is_fresh(const struct run *run)
{
	return run->release->is_fresh;
}

/* A boot starts everything anew; a sync leaves alone what is served already. */
static bool is_publishing(const struct run *run, enum step_when when)
{
	if (!run->is_boot && !run->is_taking_back && run->release->is_served)
		return false;
	return config_has_steps(run->config, when);
}

static bool has_after_publish(const struct run *run)
{
	return is_publishing(run, STEP_AFTER_PUBLISH);
}

static bool has_after_ready(const struct run *run)
{
	return is_publishing(run, STEP_AFTER_READY);
}

static const struct stage stages[] = {
	{ "metadata", metadata_stage, NULL, metadata_stage_done, "machine", ALL, false },
	{ "config", config_stage, NULL, config_stage_done, "machine", ALL, false },
	{ "hook", hook_stage, NULL, hook_stage_done, "machine", BOOT | TELL, true },
	{ "setup", setup_stage, NULL, setup_stage_done, "machine", ALL, false },
	{ "secrets", secrets_stage, secrets_are_needed, secrets_stage_done, "machine",
	  BOOT | SYNC, false },
	{ "source", source_stage, NULL, source_stage_done, "git", BOOT | SYNC, false },
	{ "decide", decide_stage, decide_is_needed, NULL, "machine", BOOT | SYNC, false },
	{ "release", release_stage, NULL, release_stage_done, "git", BOOT | SYNC, false },
	{ "rollback", rollback_stage, NULL, NULL, "machine", ROLLBACK, false },
	{ "link", link_stage, link_is_needed, NULL, "machine", BOOT | SYNC | BACK,
	  false },
	{ "requirements", requirements_stage, requirements_are_needed, NULL, "machine",
	  BOOT | SYNC, false },
	{ "steps", steps_stage, is_fresh, NULL, "step", BOOT | SYNC, false },
	{ "activate", activate_stage, NULL, NULL, "machine", ALL | BACK, false },
	{ "variables", variables_stage, variables_are_needed, NULL, "machine", ALL | BACK,
	  false },
	{ "after-publish", after_publish_stage, has_after_publish, NULL, "step",
	  ALL | BACK, false },
	{ "ready", ready_stage, NULL, NULL, "probe", ALL | BACK, false },
	{ "record", record_stage, NULL, NULL, "machine", ALL | BACK, false },
	{ "after-ready", after_ready_stage, has_after_ready, NULL, "step", ALL, true },
	{ "verdict", verdict_stage, NULL, NULL, "machine", FINISH, true },
	{ "prune", prune_stage, prune_is_needed, NULL, "machine", TIDY, true },
};

/* Each try adds the records of a slice: RUN_STAGES_MAX has room for these. */
#define TAKE_BACK_TRIES_MAX 2
#define STAGE_COUNT ARRAY_COUNT(stages)

/* Performs a stage that is needed, with its record and the status around it. */
static int perform_needed(struct run *run, const struct stage *stage,
			  struct stage_record *record, struct error *err)
{
	int64_t begun_ms = clock_monotonic_ms();
	int result;

	run->stage = stage->name;
	status_set_running(run);
	result = status_publish(run, err);
	if (result == 0) {
		report_begin(&run->report, stage->name);
		result = stage->perform(run, err);
	}
	/* Whatever failed because of it: a signal is no verdict on the release. */
	if (result < 0 && loop_is_interrupted(&run->loop))
		result = -ECANCELED;
	record->state = result < 0 ? "failed" : "done";
	record->duration_ms = clock_monotonic_ms() - begun_ms;
	if (result < 0)
		record->error = *err;
	else if (run->log.is_verbose)
		settle_log_output(run);
	return result;
}

static int perform(struct run *run, const struct stage *stage, struct error *err)
{
	struct stage_record *record = run_add_stage(run, stage->name);
	const char *detail = run->detail;
	int result = 0;

	run->detail[0] = '\0';
	if (!stage->is_needed || stage->is_needed(run))
		result = perform_needed(run, stage, record, err);
	if (result < 0)
		detail = err->text;
	report_end(&run->report, stage->name, record->state, record->duration_ms,
		   *detail ? detail : NULL);
	if (result < 0 && stage->is_forgiven && result != -ECANCELED) {
		settle_log_output(run);
		log_write(&run->log, LOG_WARNING, "%s: %s: %s", run->verb, stage->name,
			  err->text);
		return 0;
	}
	return result;
}

/*
 * SOURCE and RELEASE find out that the mirror is damaged. It is made anew once a run: if
 * that one is damaged, too, it is so at the git host.
 */
static bool may_renew_mirror(const struct run *run, const struct stage *failed, int code)
{
	return code == -EUCLEAN && !run->mirror_damage &&
		(failed->perform == source_stage || failed->perform == release_stage);
}

/* Forgets what was found from SOURCE on, which makes the mirror anew; its index. */
static size_t go_back_to_source(struct run *run, size_t failed, struct error *err)
{
	size_t i = failed;

	run->mirror_damage = text_copy(err->text);
	*err = (struct error){ 0 };
	for (;; i--) {
		if (stages[i].done)
			stages[i].done(run);
		if (stages[i].perform == source_stage)
			return i;
	}
}

/*
 * Runs a slice until its end or its first failure; *ret_failed is the stage that failed.
 */
static int walk(struct run *run, enum slice slice, const struct stage **ret_failed,
		struct error *err)
{
	for (size_t i = 0; i < STAGE_COUNT; i++) {
		int result;

		if (!(stages[i].slices & slice))
			continue;
		result = perform(run, &stages[i], err);
		if (may_renew_mirror(run, &stages[i], result)) {
			i = go_back_to_source(run, i, err) - 1;
			continue;
		}
		if (result < 0) {
			*ret_failed = &stages[i];
			return result;
		}
		if (stages[i].perform == config_stage && !run->config)
			return 0;
	}
	return 0;
}

/*
 * Whether the last good release must be made current and proven: always when the failure
 * came at or after ACTIVATE, before it only if nothing serves.
 */
static bool must_take_back(struct run *run, const struct stage *failed)
{
	bool is_published = (failed->slices & BACK) != 0;

	if (!run->setup || !run->setup->is_complete)
		return false;
	if (!is_published && status_is_ready(run->status))
		return false;
	return release_retarget(run, is_published);
}

/*
 * Proves the release that the run was turned to; one that is gone gives way to another.
 */
static int take_back(struct run *run, struct error *err)
{
	const struct stage *failed = NULL;
	int result = walk(run, BACK, &failed, err);

	for (int i = 1; i < TAKE_BACK_TRIES_MAX && result == -ESTALE; i++) {
		if (failed->perform != activate_stage || !release_retarget_next(run))
			break;
		result = walk(run, BACK, &failed, err);
	}
	if (result < 0)
		settle_log_failure(run, &run->stages[run->stage_count - 1]);
	return result;
}

static bool is_refused(const struct run *run, const struct stage *failed)
{
	return failed->perform == decide_stage && run->release &&
		run->release->is_refused;
}

/* What it means that a good release serves all the same. */
static enum ending end_with_previous(const struct run *run, const struct stage *failed,
				     int code)
{
	bool is_unreachable = failed->perform == source_stage &&
		(code == -ENETUNREACH || code == -ETIMEDOUT);

	if (is_refused(run, failed))
		return ENDING_REFUSED;
	return is_unreachable &&
			run->config->source.on_unreachable == UNREACHABLE_SERVE_BAKED
		? ENDING_BAKED_SERVES
		: ENDING_PREVIOUS_SERVES;
}

/*
 * A helper of ours that dies or finds no room to start is no fault of the step it worked
 * for: that is not remembered, and the next run tries again.
 */
static const char *own_cause_of(const struct stage *failed, int code)
{
	bool is_step = strcmp(failed->cause, "step") == 0;

	return is_step && (code == -EPROTO || code == -EAGAIN || code == -ENOMEM)
		? "machine"
		: failed->cause;
}

static const char *cause_of(const struct run *run, const struct stage *failed, int code)
{
	if (!failed)
		return NULL;
	if (code == -ECANCELED)
		return "signal";
	if (deadline_is_over(run->deadline))
		return "deadline";
	return own_cause_of(failed, code);
}

static enum ending end_of_interruption(const struct run *run)
{
	return run->notes.is_unproven ? ENDING_INTERRUPTED_AFTER_FLIP
				      : ENDING_INTERRUPTED;
}

static enum ending end_of_failure(struct run *run, const struct stage *failed, int code)
{
	autofailure struct decide_failure failure =
		decide_failure_of(run, own_cause_of(failed, code),
				  cause_of(run, failed, code));
	bool is_published = (failed->slices & BACK) != 0;
	struct error err = { 0 };
	int result;

	if (code == -ECANCELED)
		return end_of_interruption(run);
	if (code == -EINVAL &&
	    (failed->perform == config_stage || failed->perform == setup_stage))
		return ENDING_CONFIG;
	run->deadline = run->final_deadline;
	if (!must_take_back(run, failed)) {
		bool is_serving = status_is_ready(run->status) && !is_published;

		decide_remember(run, &failure, false);
		return is_serving ? end_with_previous(run, failed, code) : ENDING_FAILED;
	}
	run->is_taking_back = true;
	result = take_back(run, &err);
	if (result == -ECANCELED)
		return end_of_interruption(run);
	/* Before ACTIVATE nothing was tried that another release could pass. */
	decide_remember(run, &failure, is_published && result == 0);
	return result == 0 ? end_with_previous(run, failed, code) : ENDING_FAILED;
}

static enum ending end_of_success(const struct run *run)
{
	if (!run->config)
		return ENDING_UNCONFIGURED;
	return run->release->is_served ? ENDING_NOTHING_TO_DO : ENDING_DONE;
}

/* What serves is known and stays; interrupted, the verdict is for the next boot. */
static void deliver(struct run *run, struct settlement *settlement)
{
	const struct stage *ignored;
	struct error err = { 0 };

	if (!run->hook && run->metadata)
		(void)walk(run, TELL, &ignored, &err);
	if (walk(run, FINISH, &ignored, &err) != -ECANCELED)
		return;
	*settlement = (struct settlement){
		.ending = ENDING_INTERRUPTED,
		.cause = "signal",
		.failed = &run->stages[run->stage_count - 1],
	};
	settle_log_failure(run, settlement->failed);
}

/* From the first stage to the exit status; the lock is held. */
static int run_slices(struct run *run, enum slice slice)
{
	const struct stage *failed = NULL, *ignored;
	struct settlement settlement = { 0 };
	struct error err = { 0 };
	int result = walk(run, slice, &failed, &err);

	if (failed) {
		settlement.failed = &run->stages[run->stage_count - 1];
		settle_log_failure(run, settlement.failed);
	}
	settlement.cause = cause_of(run, failed, result);
	settlement.ending =
		failed ? end_of_failure(run, failed, result) : end_of_success(run);
	if (failed && is_refused(run, failed))
		settlement.cause = run->release->refused_cause;
	/*
	 * CONFIG found it out, SETUP (a user that does not exist), or taking back.
	 */
	if (settlement.ending == ENDING_CONFIG)
		settlement.cause = "config";
	else if (settlement.ending == ENDING_INTERRUPTED ||
		 settlement.ending == ENDING_INTERRUPTED_AFTER_FLIP)
		settlement.cause = "signal";
	run->deadline = run->final_deadline;
	settle_findings(run, &settlement);
	if (run->is_boot && run->outcome->verdict != LAUNCH_VERDICT_NONE)
		deliver(run, &settlement);
	/* A signal ends the tidying, and is no failure of what is done and told. */
	if (settlement.ending == ENDING_DONE || settlement.ending == ENDING_NOTHING_TO_DO)
		(void)walk(run, TIDY, &ignored, &err);
	return settle_run(run, &settlement);
}

/*
 * A boot that ended well, its hook included, is not done twice, and one that was waited
 * for has said what is to be said. -1: this boot is to run.
 */
static int earlier_exit_code(const struct run *run)
{
	int joined = -1;

	if (!run->is_boot)
		return -1;
	if (run->joined_run_id[0])
		joined = status_exit_code_of(run->status, run->joined_run_id);
	/* One that was killed has left the work to us. */
	if (joined >= 0 && joined != EXIT_INTERRUPTED)
		return joined;
	return run->notes.has_booted && !status_has_open_hook(run->status) ? EXIT_DONE
									   : -1;
}

static int run_locked(struct run *run, enum slice slice, struct error *err)
{
	int exit_code, result = run_lock(run, run->is_boot, err);

	if (result == -EWOULDBLOCK)
		return EXIT_BUSY;
	if (result == -ECANCELED)
		return EXIT_INTERRUPTED;
	if (result < 0)
		return EXIT_FAILED;
	exit_code = earlier_exit_code(run);
	if (exit_code >= 0) {
		report_summary(&run->report, run->verb,
			       exit_code == EXIT_DONE ? "done" : "failed", 0,
			       "by an earlier run of this boot");
		return exit_code;
	}
	result = gate_close_if_stale(run->places.run_fd, run->boot_id, err);
	if (result < 0)
		return EXIT_FAILED;
	return run_slices(run, slice);
}

static enum slice slice_of(const char *verb)
{
	if (strcmp(verb, "boot") == 0)
		return BOOT;
	return strcmp(verb, "rollback") == 0 ? ROLLBACK : SYNC;
}

int pipeline_run(const struct options *options, const char *verb)
{
	struct error err = { 0 };
	struct run run;
	int exit_code = EXIT_FAILED;

	if (run_init(&run, options, verb, &err) == 0)
		exit_code = run_locked(&run, slice_of(verb), &err);
	if (err.code)
		log_write(&run.log, LOG_ERR, "%s: %s", verb, err.text);
	for (size_t i = STAGE_COUNT; i > 0; i--)
		if (stages[i - 1].done)
			stages[i - 1].done(&run);
	run_done(&run);
	return exit_code;
}
