/* SPDX-License-Identifier: MIT */
#include "run/status.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "metadata/metadata.h"
#include "run/run.h"
#include "state/verdicts.h"

#include <string.h>

/*
 * The status document: schema 1, every key always there, unknown is null. A run begins
 * with the last one of this boot and changes what it finds out, so a reader sees what
 * served before for as long as nothing newer is known.
 */

#define STATUS_SCHEMA 1

static struct json_object *new_nulls(const char *const *keys)
{
	struct json_object *object = json_new_object();

	for (; *keys; keys++)
		json_set(object, *keys, NULL);
	return object;
}

static struct json_object *new_idle(void)
{
	struct json_object *run = new_nulls(
		(const char *const[]){ "state", "run_id", "verb", "stage", NULL });

	json_set_string(run, "state", "idle");
	return run;
}

static struct json_object *new_lifecycle(void)
{
	struct json_object *lifecycle = new_nulls((const char *const[]){
		"group", "hook", "transition", "state", "verdict", NULL });

	json_set_string(lifecycle, "state", "none");
	return lifecycle;
}

static void set_time(struct json_object *object, const char *key, int64_t realtime_ms)
{
	char text[CLOCK_TEXT_BYTES];

	clock_format_utc(realtime_ms, text);
	json_set_string(object, key, text);
}

static struct json_object *new_times(void)
{
	struct json_object *times = new_nulls((const char *const[]){
		"pending_time", "kernel_start", "ready_at", "verdict_at", NULL });

	set_time(times, "kernel_start", clock_realtime_ms() - clock_boottime_ms());
	return times;
}

struct json_object *status_new(void)
{
	static const char *const instance_keys[] = {
		"id", "type", "image_id", "availability_zone", "region", "group", NULL
	};
	static const char *const serving_keys[] = { "ready", "revision",   "release",
						    "since", "up_to_date", "reason",
						    NULL };
	struct json_object *status = json_new_object();

	json_set_integer(status, "schema", STATUS_SCHEMA);
	json_set_string(status, "agent_version", BOOTAGENT_VERSION);
	json_set(status, "boot_id", NULL);
	json_set(status, "instance", new_nulls(instance_keys));
	json_set(status, "wanted_revision", NULL);
	json_set(status, "pinned", NULL);
	json_set(status, "serving", new_nulls(serving_keys));
	json_set(status, "run", new_idle());
	json_set_boolean(status, "draining", false);
	json_set(status, "last_run", NULL);
	json_set(status, "lifecycle", new_lifecycle());
	json_set(status, "times", new_times());
	return status;
}

static struct json_object *section(struct run *run, const char *key)
{
	return json_member(run->status, key, json_type_object);
}

void status_set_instance(struct run *run)
{
	const struct metadata *metadata = run->metadata;
	struct json_object *instance = section(run, "instance");

	json_set_string(instance, "id", metadata->instance_id);
	json_set_string(instance, "type", metadata->instance_type);
	json_set_string(instance, "image_id", metadata->image_id);
	json_set_string(instance, "availability_zone", metadata->availability_zone);
	json_set_string(instance, "region", metadata->region);
	json_set_string(section(run, "times"), "pending_time", metadata->pending_time);
}

void status_set_wanted(struct run *run, const char *revision)
{
	struct json_object *serving = section(run, "serving");

	json_set_string(run->status, "wanted_revision", revision);
	/* What serves is compared anew: a reader sees both, should we be killed now. */
	if (status_is_ready(run->status))
		json_set_boolean(serving, "up_to_date",
				 text_is_equal(json_string(serving, "revision"),
					       revision));
}

void status_set_pinned(struct run *run)
{
	struct json_object *pinned = NULL;

	if (run->pin.revision) {
		pinned = json_new_object();
		json_set_string(pinned, "revision", run->pin.revision);
		json_set_string(pinned, "by", run->pin.by);
		set_time(pinned, "at", run->pin.at_ms);
	}
	json_set(run->status, "pinned", pinned);
}

void status_set_running(struct run *run)
{
	struct json_object *object = section(run, "run");

	json_set_string(object, "state", "running");
	json_set_string(object, "run_id", run->run_id);
	json_set_string(object, "verb", run->verb);
	json_set_string(object, "stage", run->stage);
}

void status_set_lifecycle(struct run *run, const char *state)
{
	json_set_string(section(run, "lifecycle"), "state", state);
}

void status_set_verdict(struct run *run, const struct stored_verdict *verdict)
{
	struct json_object *lifecycle = section(run, "lifecycle");

	json_set_string(section(run, "instance"), "group", verdict->group);
	json_set_string(lifecycle, "group", verdict->group);
	json_set_string(lifecycle, "hook", verdict->hook);
	json_set_string(lifecycle, "transition", verdict->transition);
	json_set_string(lifecycle, "state", verdict_state_word(verdict->state));
	json_set_string(lifecycle, "verdict", verdict->result);
	if (verdict->decided_at_ms)
		set_time(section(run, "times"), "verdict_at", verdict->decided_at_ms);
}

void status_set_serving(struct run *run, const struct status_serving *serving)
{
	struct json_object *object = section(run, "serving");
	bool is_same = serving->is_ready && json_boolean(object, "ready") &&
		text_is_equal(json_string(object, "release"), serving->release);

	json_set_boolean(object, "ready", serving->is_ready);
	json_set_string(object, "revision", serving->revision);
	json_set_string(object, "release", serving->release);
	json_set_boolean(object, "up_to_date", serving->is_up_to_date);
	json_set_string(object, "reason", serving->reason);
	if (!serving->is_ready)
		json_set(object, "since", NULL);
	else if (!is_same)
		set_time(object, "since", clock_realtime_ms());
	if (serving->is_ready && !json_string(section(run, "times"), "ready_at"))
		set_time(section(run, "times"), "ready_at", clock_realtime_ms());
}

void status_set_stale(struct run *run, const char *reason)
{
	struct json_object *object = section(run, "serving");

	json_set_boolean(object, "up_to_date", false);
	json_set_string(object, "reason", reason);
}

void status_set_serving_unknown(struct run *run, const char *reason)
{
	struct json_object *object = section(run, "serving");

	json_set_boolean(object, "ready", false);
	json_set(object, "revision", NULL);
	json_set(object, "release", NULL);
	json_set(object, "since", NULL);
	json_set(object, "up_to_date", NULL);
	json_set_string(object, "reason", reason);
}

static struct json_object *new_error(const char *stage, const struct error *err)
{
	struct json_object *object = json_new_object();

	json_set_string(object, "stage", stage);
	json_set_string(object, "code", error_name(err->code));
	json_set_string(object, "message", err->text);
	return object;
}

static struct json_object *new_stages(const struct run *run)
{
	struct json_object *list = json_new_array();

	for (size_t i = 0; i < run->stage_count; i++) {
		const struct stage_record *record = &run->stages[i];
		struct json_object *item = json_new_object();

		json_set_string(item, "name", record->name);
		json_set_string(item, "state", record->state);
		json_set_integer(item, "duration_ms", record->duration_ms);
		json_set(item, "error",
			 record->error.code ? new_error(record->name, &record->error)
					    : NULL);
		(void)json_object_array_add(list, item);
	}
	return list;
}

static struct json_object *new_steps(const struct run *run)
{
	struct json_object *list = json_new_array();

	for (size_t i = 0; i < run->step_count; i++) {
		const struct step_record *record = &run->steps[i];
		struct json_object *item = json_new_object();

		json_set_string(item, "name", record->name);
		json_set_string(item, "state", record->state);
		json_set_integer(item, "duration_ms", record->duration_ms);
		json_set(item, "exit_status", NULL);
		if (record->exit_status >= 0)
			json_set_integer(item, "exit_status", record->exit_status);
		json_set_string(item, "signal",
				record->signal ? sigabbrev_np(record->signal) : NULL);
		json_set(item, "cached", NULL);
		if (record->key[0])
			json_set_boolean(item, "cached", record->is_cached);
		json_set_string(item, "key", record->key[0] ? record->key : NULL);
		(void)json_object_array_add(list, item);
	}
	return list;
}

void status_set_ended(struct run *run, const struct outcome *outcome, const char *cause,
		      const struct stage_record *failed)
{
	struct json_object *last = json_new_object();

	json_set_string(last, "run_id", run->run_id);
	json_set_string(last, "verb", run->verb);
	json_set_string(last, "result", outcome->result);
	json_set_string(last, "cause", cause);
	json_set_integer(last, "exit_code", outcome->exit_code);
	json_set(last, "error", failed ? new_error(failed->name, &failed->error) : NULL);
	set_time(last, "started_at", run->started_at_ms);
	set_time(last, "finished_at", clock_realtime_ms());
	json_set(last, "stages", new_stages(run));
	json_set(last, "steps", new_steps(run));
	json_set(run->status, "last_run", last);
	json_set(run->status, "run", new_idle());
}

bool status_is_whole(const struct json_object *status)
{
	static const char *const sections[] = { "instance", "serving", "run", "lifecycle",
						"times" };

	for (size_t i = 0; i < ARRAY_COUNT(sections); i++)
		if (!json_member(status, sections[i], json_type_object))
			return false;
	return json_integer(status, "schema", 0) == STATUS_SCHEMA;
}

bool status_is_ready(const struct json_object *status)
{
	return json_boolean(json_member(status, "serving", json_type_object), "ready");
}

int status_exit_code_of(const struct json_object *status, const char *run_id)
{
	const struct json_object *last =
		json_member(status, "last_run", json_type_object);

	if (!text_is_equal(json_string(last, "run_id"), run_id))
		return -1;
	return (int)json_integer(last, "exit_code", -1);
}

bool status_has_open_hook(const struct json_object *status)
{
	const struct json_object *lifecycle =
		json_member(status, "lifecycle", json_type_object);
	const char *state = json_string(lifecycle, "state");

	return text_is_equal(state, "open") ||
		text_is_equal(state, verdict_state_word(VERDICT_DECIDED));
}

int status_publish(struct run *run, struct error *err)
{
	return runfile_save(run->places.run_fd, run->status, &run->notes, err);
}
