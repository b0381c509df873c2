/* SPDX-License-Identifier: MIT */
#include "steps/outputs.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "release/release_types.h"
#include "run/run.h"
#include "secrets/blank.h"
#include "secrets/secrets.h"
#include "setup/setup_types.h"
#include "state/answers.h"
#include "steps/command.h"
#include "steps/environment.h"
#include "steps/errand.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Root's part of step outputs: it hands bootagent-tree what the configuration says, runs
 * the key_command, and remembers what that said. Where the outputs are, and whether, is
 * the application's user's business alone; of the worker's replies only their shape is
 * believed.
 */

static struct json_object *new_texts(const struct config_texts *texts)
{
	struct json_object *list = json_new_array();

	for (size_t i = 0; i < texts->count; i++)
		json_add_string(list, texts->items[i]);
	return list;
}

/* What decides about the key, and nothing of a secret. */
static struct json_object *new_request(const struct run *run,
				       const struct outputs *outputs)
{
	const struct config_step *step = outputs->step;
	struct json_object *request = json_new_object();

	json_set_string(request, "release", run->release->name);
	json_set_string(request, "revision", run->release->revision);
	json_set_string(request, "run", run->run_id);
	json_set_string(request, "step", step->name);
	json_set(request, "command", new_texts(&step->run));
	json_set(request, "inputs", new_texts(&step->inputs));
	json_set(request, "outputs", new_texts(&step->outputs));
	json_set(request, "environment",
		 new_texts(&run->config->application.environment));
	if (step->key_command.count > 0)
		json_set(request, "key_command", new_texts(&step->key_command));
	if (outputs->answer)
		json_set_string(request, "answer", outputs->answer);
	return request;
}

/* Where the program is looked for is a secret if PATH is: then it is asked each time. */
static void add_remembered(const struct run *run, const struct outputs *outputs,
			   struct json_object *request)
{
	struct json_object *known;

	if (environment_value(secrets_variables(run), "PATH"))
		return;
	json_set_string(request, "path", environment_value(outputs->environment, "PATH"));
	known = answers_find(run->places.state_fd,
			     json_member(request, "key_command", json_type_array),
			     json_member(request, "environment", json_type_array));
	if (known)
		json_set(request, "remembered", known);
}

static void remember(struct run *run, const struct outputs *outputs,
		     const struct json_object *request, const struct json_object *tool)
{
	static const char *const members[] = { "device", "inode", "size_bytes",
					       "mtime_ns", "ctime_ns" };
	autojson struct json_object *known = json_new_object();
	struct json_object *copy = json_new_object();
	struct error err = { 0 };

	for (size_t i = 0; i < ARRAY_COUNT(members); i++)
		json_set_integer(copy, members[i], json_integer(tool, members[i], -1));
	json_set(known, "tool", copy);
	json_set_string(known, "answer", outputs->answer);
	if (answers_save(run->places.state_fd,
			 json_member(request, "key_command", json_type_array),
			 json_member(request, "environment", json_type_array), known,
			 &err) < 0)
		run_warn(run, err.text);
}

/* Runs the key_command, as the step is run. */
static int ask(struct run *run, struct outputs *outputs, struct error *err)
{
	const struct config_texts *arguments = &outputs->step->key_command;
	const struct command command = {
		.arguments = (const char *const *)arguments->items,
		.environment = (const char *const *)outputs->environment->items,
		.directory = run->release->directory,
		.identity = &run->setup->application,
		.deadline = outputs->deadline,
	};
	autofree struct command_end *end = memory_new(1, sizeof(*end));
	int result = command_run(&run->loop, &command, end, err);

	blank_secrets(run->secrets, end->tail, end->is_cut);
	if (result < 0) {
		free(run->step_output);
		run->step_output = text_copy(end->tail);
		return error_wrap(err, "key_command '%s'", arguments->items[0]);
	}
	text_make_printable(end->tail);
	outputs->answer = text_copy(end->tail);
	return 0;
}

static int read_reply(const struct json_object *reply, struct outputs *outputs,
		      struct error *err)
{
	const char *key = json_string(reply, "key");
	const char *answer = json_string(reply, "answer");

	if (!text_is_revision(key) || strlen(key) != RECORD_KEY_BYTES - 1)
		return error_set(err, EPROTO, "the worker named no key of the outputs");
	(void)strcpy(outputs->key, key);
	outputs->is_hit = json_boolean(reply, "hit");
	if (!outputs->answer)
		outputs->answer = text_copy(answer);
	return 0;
}

int outputs_find(struct run *run, struct outputs *outputs, struct error *err)
{
	autojson struct json_object *request = new_request(run, outputs);
	autojson struct json_object *reply = NULL;
	bool has_command = outputs->step->key_command.count > 0;
	const struct json_object *tool;
	int result;

	if (has_command)
		add_remembered(run, outputs, request);
	result = errand_run(run, "find-outputs", request, outputs->deadline, &reply, err);
	if (result == 0 && has_command && json_boolean(reply, "ask")) {
		result = ask(run, outputs, err);
		if (result < 0)
			return result;
		tool = json_member(reply, "tool", json_type_object);
		if (tool)
			remember(run, outputs, request, tool);
		json_put_pointer(&reply);
		reply = NULL;
		json_set_string(request, "answer", outputs->answer);
		result = errand_run(run, "find-outputs", request, outputs->deadline,
				    &reply, err);
	}
	return result < 0 ? result : read_reply(reply, outputs, err);
}

int outputs_keep(struct run *run, const struct outputs *outputs, struct error *err)
{
	autojson struct json_object *request = new_request(run, outputs);
	autojson struct json_object *reply = NULL;
	autofree char *text = NULL;
	int result;

	json_set_string(request, "key", outputs->key);
	result = errand_run(run, "keep-outputs", request, outputs->deadline, &reply, err);
	if (result < 0)
		return error_wrap(err, "keep its outputs");
	if (json_boolean(reply, "stored"))
		return 0;
	text = text_is_equal(json_string(reply, "why"), "inputs")
		? text_format("step '%s' changed one of its inputs: what it made is for "
			      "this release alone, and the next one runs it again",
			      outputs->step->name)
		: text_format("step '%s' put something else in the place of an output: "
			      "what it made is for this release alone, and the next one "
			      "runs it again; let it write into the directory that is "
			      "there",
			      outputs->step->name);
	run_warn(run, text);
	return 0;
}

void outputs_drop(struct run *run, const struct outputs *outputs)
{
	autojson struct json_object *request = new_request(run, outputs);
	autojson struct json_object *reply = NULL;
	struct error ignored = { 0 };

	json_set_string(request, "key", outputs->key);
	if (errand_run(run, "drop-outputs", request, outputs->deadline, &reply,
		       &ignored) < 0)
		return;
}

void outputs_done(struct outputs *outputs)
{
	free(outputs->answer);
	outputs->answer = NULL;
}
