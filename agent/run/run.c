/* SPDX-License-Identifier: MIT */
#include "run/run.h"

#include "base/file.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/memory.h"
#include "base/text.h"
#include "net/http.h"
#include "run/options.h"
#include "run/status.h"
#include "worker/worker.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

/*
 * The frame of a run: loop, places, identity, lock and the documents it begins with. What
 * it does between is the pipeline's business. Until the configuration is read the run has
 * its default deadline; CONFIG replaces it.
 */

#define RUN_DEADLINE_MS INT64_C(1800000)
#define LOCK_RETRY_MS 100
#define LOCK_FILE "lock"

/* "20261124T055728Z-1f2e3d4c": sorts by time, and is unique without a counter. */
static int make_run_id(struct run *run, struct error *err)
{
	time_t seconds = (time_t)(run->started_at_ms / 1000);
	unsigned int chance;
	char date[20];
	struct tm utc;

	if (getrandom(&chance, sizeof(chance), 0) != (ssize_t)sizeof(chance))
		return error_set(err, errno, "draw a run id: %s", strerror(errno));
	(void)gmtime_r(&seconds, &utc);
	(void)strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &utc);
	(void)snprintf(run->run_id, sizeof(run->run_id), "%s-%08x", date, chance);
	return 0;
}

/* The status of this boot's last run, or a blank one. */
static int load_status(struct run *run, struct error *err)
{
	struct runfile_notes notes = { 0 };
	struct error problem;
	int result = runfile_load(run->places.run_fd, run->boot_id, &run->status, &notes,
				  &problem);

	/* That `current` is unproven, a killed run's status has said; it is not ours. */
	run->notes.has_booted = notes.has_booted;
	/* Of this boot, but another version's (an upgrade): as good as none. */
	if (result == 0 && !status_is_whole(run->status)) {
		(void)json_object_put(TAKE(run->status));
		result = -ENOENT;
	}
	if (result == -ENOENT) {
		run->status = status_new();
		json_set_string(run->status, "boot_id", run->boot_id);
		return 0;
	}
	if (result < 0)
		*err = problem;
	return result;
}

/*
 * Our memory holds credentials (facts P2). A limit of one byte allows no file and, unlike
 * a limit of none, no program in /proc/sys/kernel/core_pattern either (core(5)). The soft
 * limit only: steps inherit it and may raise it again.
 */
static void forbid_core_dumps(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_CORE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max < 1 ? 0 : 1;
	(void)setrlimit(RLIMIT_CORE, &limit);
}

int run_init(struct run *run, const struct options *options, const char *verb,
	     struct error *err)
{
	int result;

	*run = (struct run){ .options = options, .verb = verb, .lock_fd = -1 };
	run->is_boot = strcmp(verb, "boot") == 0;
	run->places = (struct places){
		.root_fd = -1,
		.run_fd = -1,
		.steps_fd = -1,
		.state_fd = -1,
		.cache_fd = -1,
	};
	run->started_at_ms = clock_realtime_ms();
	run->begun_ms = clock_monotonic_ms();
	run->deadline = run->final_deadline = deadline_in(RUN_DEADLINE_MS);
	log_init(&run->log, options->is_verbose);
	run->log.run_id = run->run_id;
	report_init(&run->report, options->is_json);
	forbid_core_dumps();
	/* What we make is for others to read unless its own mode says no. */
	(void)umask(022);
	result = make_run_id(run, err);
	if (result == 0)
		result = runfile_boot_id(run->boot_id, err);
	if (result == 0)
		result = loop_init(&run->loop, err);
	if (result == 0)
		result = places_init(&run->places, options->root, err);
	if (result == 0)
		result = http_new(&run->loop, &run->http, err);
	return result;
}

void run_done(struct run *run)
{
	http_free(run->http);
	releases_done(&run->releases);
	pin_done(&run->pin);
	(void)json_object_put(run->status);
	places_done(&run->places);
	memory_close_fd(&run->lock_fd);
	if (run->loop.event)
		loop_done(&run->loop);
	free(run->steps);
	free(run->step_output);
	free(run->mirror_damage);
}

/* Whom we wait for, if it is a boot: its result will be ours. */
static void note_joined(struct run *run)
{
	autojson struct json_object *status = NULL;
	struct runfile_notes notes;
	struct error ignored;
	const struct json_object *other;
	const char *run_id;

	if (runfile_load(run->places.run_fd, run->boot_id, &status, &notes, &ignored) < 0)
		return;
	other = json_member(status, "run", json_type_object);
	run_id = json_string(other, "run_id");
	if (run_id && text_is_equal(json_string(other, "verb"), "boot"))
		(void)snprintf(run->joined_run_id, sizeof(run->joined_run_id), "%s",
			       run_id);
}

int run_lock(struct run *run, bool waits, struct error *err)
{
	int result;

	for (;;) {
		*err = (struct error){ 0 };
		result = lock_take(run->places.run_fd, LOCK_FILE, &run->lock_fd, err);
		if (result != -EWOULDBLOCK || !waits)
			break;
		if (!run->joined_run_id[0])
			note_joined(run);
		if (deadline_is_over(run->deadline))
			break;
		result = loop_pause(&run->loop, LOCK_RETRY_MS, err);
		if (result < 0)
			break;
	}
	if (result < 0)
		return result;
	/* What killed runs left half written: under our lock nobody else writes there. */
	file_sweep(run->places.run_fd);
	file_sweep(run->places.steps_fd);
	file_sweep(run->places.state_fd);
	/* The budget is the run's, not that of whoever was waited for. */
	run->begun_ms = clock_monotonic_ms();
	run->deadline = run->final_deadline = deadline_in(RUN_DEADLINE_MS);
	return load_status(run, err);
}

void run_detail(struct run *run, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(run->detail, sizeof(run->detail), format, arguments);
	va_end(arguments);
	text_make_printable(run->detail);
}

void run_warn(const struct run *run, const char *text)
{
	log_write(&run->log, LOG_WARNING, "%s: %s: %s", run->verb, run->stage, text);
}

static void on_waiting(void *userdata, const char *line)
{
	struct run *run = userdata;

	report_progress(&run->report, run->stage, line);
	log_write(&run->log, LOG_NOTICE, "%s: %s", run->verb, line);
}

struct retry_listener run_listener(struct run *run)
{
	return (struct retry_listener){ .tell = on_waiting, .userdata = run };
}

static char *describe_progress(const struct json_object *progress)
{
	int64_t received = json_integer(progress, "received_objects", -1);
	int64_t total = json_integer(progress, "total_objects", -1);
	int64_t bytes = json_integer(progress, "received_bytes", -1);
	int64_t files = json_integer(progress, "files", -1);
	const char *server = json_string(progress, "server");

	if (server)
		return text_format("server: %s", server);
	if (files >= 0)
		return text_format("%lld of %lld files, %.1f MB", (long long)files,
				   (long long)json_integer(progress, "total_files", 0),
				   (double)json_integer(progress, "bytes", 0) / 1e6);
	if (received >= 0 && total > 0)
		return text_format("%lld of %lld objects, %.1f MB", (long long)received,
				   (long long)total,
				   (double)(bytes > 0 ? bytes : 0) / 1e6);
	return text_copy(json_line((struct json_object *)progress));
}

static void on_progress(const struct json_object *progress, void *userdata)
{
	struct run *run = userdata;
	autofree char *text = describe_progress(progress);

	text_make_printable(text);
	report_progress(&run->report, run->stage, text);
}

int run_worker(struct run *run, const struct worker_task *task,
	       struct json_object **ret_result, struct error *err)
{
	const struct worker_context context = {
		.loop = &run->loop,
		.lock_fd = run->lock_fd,
		.on_progress = on_progress,
		.userdata = run,
	};
	struct worker_task bounded = *task;

	bounded.deadline = deadline_sooner(task->deadline, run->deadline);
	return worker_perform(&context, &bounded, ret_result, err);
}

struct stage_record *run_add_stage(struct run *run, const char *name)
{
	struct stage_record *record;

	assert(run->stage_count < RUN_STAGES_MAX);
	record = &run->stages[run->stage_count++];
	*record = (struct stage_record){ .name = name, .state = "skipped" };
	return record;
}

struct step_record *run_add_step(struct run *run, const char *name)
{
	struct step_record *record;

	run->steps = memory_grow(run->steps, run->step_count, run->step_count + 1,
				 sizeof(*run->steps));
	record = &run->steps[run->step_count++];
	*record = (struct step_record){ .name = name, .exit_status = -1 };
	return record;
}
