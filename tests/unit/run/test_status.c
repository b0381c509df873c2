/* SPDX-License-Identifier: MIT */
#include "run/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "metadata/metadata.h"
#include "run/run.h"
#include "state/verdicts.h"

#include <signal.h>
#include <string.h>

/* The document of `bootagent status --json`: its schema, and what stages write. */

static int setup(void **state)
{
	struct run *run = memory_new(1, sizeof(*run));

	run->status = status_new();
	run->verb = "boot";
	(void)strcpy(run->run_id, "20261124T055728Z-1f2e3d4c");
	*state = run;
	return 0;
}

static int teardown(void **state)
{
	struct run *run = *state;

	(void)json_object_put(run->status);
	free(run->steps);
	free(run);
	return 0;
}

static const struct json_object *section(const struct run *run, const char *key)
{
	return json_member(run->status, key, json_type_object);
}

/* Whether the object has exactly these members, named in one text. */
static void assert_keys(const struct json_object *object, const char *keys)
{
	autofree char *list = text_copy(keys);
	size_t count = 0;

	for (char *rest = list, *key; (key = strsep(&rest, " "));) {
		assert_true(json_object_object_get_ex(object, key, NULL));
		count++;
	}
	assert_int_equal(json_object_object_length(object), count);
}

static void every_key_is_there_from_the_beginning(void **state)
{
	const struct run *run = *state;

	assert_keys(
		run->status,
		"schema agent_version boot_id instance wanted_revision pinned serving "
		"run draining last_run lifecycle times");
	assert_keys(section(run, "instance"),
		    "id type image_id availability_zone region group");
	assert_keys(section(run, "serving"),
		    "ready revision release since up_to_date reason");
	assert_keys(section(run, "run"), "state run_id verb stage");
	assert_keys(section(run, "lifecycle"), "group hook transition state verdict");
	assert_keys(section(run, "times"),
		    "pending_time kernel_start ready_at verdict_at");
	assert_int_equal(json_integer(run->status, "schema", 0), 1);
	assert_string_equal(json_string(section(run, "run"), "state"), "idle");
	assert_string_equal(json_string(section(run, "lifecycle"), "state"), "none");
	assert_false(json_boolean(run->status, "draining"));
	assert_false(status_is_ready(run->status));
	/* unknown is null, not false */
	assert_null(json_member(section(run, "serving"), "ready", json_type_boolean));
}

static void instance_is_told(void **state)
{
	struct run *run = *state;
	struct metadata metadata = { .instance_id = (char *)"i-1",
				     .instance_type = (char *)"t3.micro",
				     .image_id = (char *)"ami-1",
				     .availability_zone = (char *)"z-a",
				     .region = (char *)"z" };
	const struct json_object *instance;

	run->metadata = &metadata;
	status_set_instance(run);
	instance = section(run, "instance");
	assert_string_equal(json_string(instance, "id"), "i-1");
	assert_string_equal(json_string(instance, "type"), "t3.micro");
	assert_string_equal(json_string(instance, "image_id"), "ami-1");
	assert_string_equal(json_string(instance, "availability_zone"), "z-a");
	assert_string_equal(json_string(instance, "region"), "z");
	assert_keys(instance, "id type image_id availability_zone region group");
	assert_null(json_string(section(run, "times"), "pending_time"));
}

static void since_counts_for_the_same_release(void **state)
{
	struct run *run = *state;
	struct status_serving serving = { true, "1", "aaaa", true, NULL };
	autofree char *since = NULL;
	autofree char *ready_at = NULL;

	status_set_serving(run, &serving);
	assert_true(status_is_ready(run->status));
	/* older, so that a change would show */
	json_set_string(json_member(run->status, "serving", json_type_object), "since",
			"2026-01-01T00:00:00.000Z");
	ready_at = text_copy(json_string(section(run, "times"), "ready_at"));
	assert_non_null(ready_at);
	serving.is_up_to_date = false;
	serving.reason = "why";
	status_set_serving(run, &serving);
	assert_string_equal(json_string(section(run, "serving"), "since"),
			    "2026-01-01T00:00:00.000Z");
	assert_string_equal(json_string(section(run, "serving"), "reason"), "why");
	serving.release = "2";
	status_set_serving(run, &serving);
	since = text_copy(json_string(section(run, "serving"), "since"));
	assert_string_not_equal(since, "2026-01-01T00:00:00.000Z");
	/* ready_at is the first time of this boot */
	assert_string_equal(json_string(section(run, "times"), "ready_at"), ready_at);
}

static void what_no_longer_serves_has_no_since(void **state)
{
	struct run *run = *state;
	const struct status_serving serving = { true, "1", "aaaa", true, NULL };
	const struct status_serving nothing = { .reason = "the step failed" };

	status_set_serving(run, &serving);
	status_set_stale(run, "git is away");
	assert_true(status_is_ready(run->status));
	assert_false(json_boolean(section(run, "serving"), "up_to_date"));
	assert_string_equal(json_string(section(run, "serving"), "reason"),
			    "git is away");
	assert_non_null(json_string(section(run, "serving"), "since"));
	status_set_serving(run, &nothing);
	assert_false(status_is_ready(run->status));
	assert_null(json_string(section(run, "serving"), "since"));
	assert_null(json_string(section(run, "serving"), "release"));
	status_set_serving_unknown(run, "killed");
	assert_null(
		json_member(section(run, "serving"), "up_to_date", json_type_boolean));
	assert_keys(section(run, "serving"),
		    "ready revision release since up_to_date reason");
}

static void run_is_told_while_it_goes(void **state)
{
	struct run *run = *state;

	run->stage = "source";
	status_set_running(run);
	assert_string_equal(json_string(section(run, "run"), "state"), "running");
	assert_string_equal(json_string(section(run, "run"), "run_id"), run->run_id);
	assert_string_equal(json_string(section(run, "run"), "verb"), "boot");
	assert_string_equal(json_string(section(run, "run"), "stage"), "source");
	assert_keys(section(run, "run"), "state run_id verb stage");
}

static const struct json_object *item(const struct json_object *object, const char *key,
				      size_t index)
{
	return json_object_array_get_idx(json_member(object, key, json_type_array),
					 index);
}

static void end_tells_stages_steps_and_the_cause(void **state)
{
	struct run *run = *state;
	struct step_record *step;
	const struct json_object *last;

	run->stages[0] = (struct stage_record){ "config", "done", 1, { 0 } };
	run->stages[1] = (struct stage_record){ "steps", "failed", 20, { -110, "late" } };
	run->stage_count = 2;
	step = run_add_step(run, "bundle");
	step->state = "done";
	step->exit_status = 0;
	step = run_add_step(run, "assets");
	step->state = "failed";
	step->signal = SIGKILL;
	step->duration_ms = 19;
	status_set_ended(run, outcome_of(ENDING_FAILED), "step", &run->stages[1]);
	last = section(run, "last_run");
	assert_keys(last,
		    "run_id verb result cause exit_code error started_at "
		    "finished_at stages steps");
	assert_string_equal(json_string(last, "result"), "failed");
	assert_string_equal(json_string(last, "cause"), "step");
	assert_int_equal(json_integer(last, "exit_code", -1), 1);
	assert_keys(json_member(last, "error", json_type_object), "stage code message");
	assert_string_equal(json_string(json_member(last, "error", json_type_object),
					"code"),
			    "ETIMEDOUT");
	assert_keys(item(last, "stages", 0), "name state duration_ms error");
	assert_null(json_member(item(last, "stages", 0), "error", json_type_object));
	assert_string_equal(json_string(json_member(item(last, "stages", 1), "error",
						    json_type_object),
					"message"),
			    "late");
	assert_keys(item(last, "steps", 0),
		    "name state duration_ms exit_status signal cached key");
	assert_int_equal(json_integer(item(last, "steps", 0), "exit_status", -1), 0);
	assert_int_equal(json_integer(item(last, "steps", 1), "exit_status", -1), -1);
	assert_string_equal(json_string(item(last, "steps", 1), "signal"), "KILL");
	assert_string_equal(json_string(section(run, "run"), "state"), "idle");
}

static void verdict_is_told(void **state)
{
	struct run *run = *state;
	const struct stored_verdict verdict = {
		.transition = (char *)"InService",
		.group = (char *)"g",
		.hook = (char *)"h",
		.result = (char *)"CONTINUE",
		.state = VERDICT_DECIDED,
		.decided_at_ms = 1000,
	};

	assert_false(status_has_open_hook(run->status));
	status_set_lifecycle(run, "open");
	assert_true(status_has_open_hook(run->status));
	status_set_verdict(run, &verdict);
	assert_true(status_has_open_hook(run->status));
	assert_string_equal(json_string(section(run, "lifecycle"), "verdict"),
			    "CONTINUE");
	assert_string_equal(json_string(section(run, "lifecycle"), "state"), "decided");
	assert_string_equal(json_string(section(run, "instance"), "group"), "g");
	assert_string_equal(json_string(section(run, "times"), "verdict_at"),
			    "1970-01-01T00:00:01.000Z");
	status_set_lifecycle(run, "delivered");
	assert_false(status_has_open_hook(run->status));
}

#define status_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		status_test(every_key_is_there_from_the_beginning),
		status_test(instance_is_told),
		status_test(since_counts_for_the_same_release),
		status_test(what_no_longer_serves_has_no_since),
		status_test(run_is_told_while_it_goes),
		status_test(end_tells_stages_steps_and_the_cause),
		status_test(verdict_is_told),
	};

	return cmocka_run_group_tests_name("run_status", tests, NULL, NULL);
}
