/* SPDX-License-Identifier: MIT */
#include "steps/requirements.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "release/release_types.h"
#include "run/run.h"
#include "secrets/blank.h"
#include "setup/setup_types.h"
#include "steps/bundler.h"
#include "steps/command.h"
#include "steps/environment.h"
#include "steps/errand.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The right Ruby is the image's business. When a commit wants another one, bundler says
 * so in a page of output, and the revision would look like a bad one; here it is a
 * sentence, and "this machine cannot". Ruby itself is asked which it is, as the
 * application's user and in the release's directory, where a version manager's shim
 * answers for the release's own .ruby-version. Which Ruby that is, is for a worker to
 * look: PATH may lead through the application's places, and onto mounts that hang.
 */

#define ANSWER_TIMEOUT_MS 10000 /* of a Ruby, and of the worker */
#define MARK "bootagent-ruby "
/* A preview has a patch level of -1, and a version that RubyGems puts together. */
#define SCRIPT "print \"\\n" MARK "#{RUBY_PATCHLEVEL < 0 ? \"-\" : RUBY_VERSION}\\n\""
#define VERSION_MAX_BYTES 32

/* What the machine has. */
struct ruby {
	char version[VERSION_MAX_BYTES]; /* "": none that starts, see the reason */
	struct error reason;
};

/* The before-publish step that is bundler, or NULL. */
static const struct config_step *find_step(const struct config *config)
{
	for (size_t i = 0; i < config->steps.count; i++) {
		const struct config_step *step = &config->steps.items[i];

		if (step->when == STEP_BEFORE_PUBLISH && bundler_program(&step->run))
			return step;
	}
	return NULL;
}

bool requirements_are_needed(const struct run *run)
{
	return run->release->is_fresh && find_step(run->config);
}

/* The last line that is not blank; cut out of the text. */
static char *last_line(char *text)
{
	char *line;

	text_trim_end(text);
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	text_make_printable(line);
	return line;
}

/* "3.1.7", or "" where it could not be told. */
static void take_version(const char *output, char ret_version[static VERSION_MAX_BYTES])
{
	const char *mark = strstr(output, MARK);
	size_t length = 0;

	if (mark) {
		mark += strlen(MARK);
		length = strspn(mark, "0123456789.");
	}
	(void)snprintf(ret_version, VERSION_MAX_BYTES, "%.*s", (int)length,
		       mark ? mark : "");
}

/* A Ruby that cannot say its version cannot run bundler; why, it says last. */
static int explain(struct run *run, struct command_end *end, struct error *err)
{
	const char *line;

	blank_secrets(run->secrets, end->tail, end->is_cut);
	line = last_line(end->tail);
	if (*line)
		return error_set(err, err->code, "%.200s", line);
	return err->code;
}

static int ask_ruby(struct run *run, const char *path,
		    const struct config_texts *environment, struct ruby *ruby,
		    struct error *err)
{
	const char *const arguments[] = { path, "--disable-gems", "-e", SCRIPT, NULL };
	const struct command command = {
		.arguments = arguments,
		.environment = (const char *const *)environment->items,
		.directory = run->release->directory,
		.identity = &run->setup->application,
		.deadline =
			deadline_sooner(deadline_in(ANSWER_TIMEOUT_MS), run->deadline),
	};
	autofree struct command_end *end = memory_new(1, sizeof(*end));
	int result = command_run(&run->loop, &command, end, err);

	if (result == -ECHILD || result == -ENOENT || result == -EACCES) {
		result = explain(run, end, err);
		ruby->reason = *err;
		return 0;
	}
	take_version(end->tail, ruby->version);
	return result;
}

/* A Ruby that another one's options disturb is asked without them. */
static void unset(struct config_texts *environment, const char *name)
{
	size_t length = strlen(name), kept = 0;

	for (size_t i = 0; i < environment->count; i++) {
		char *item = environment->items[i];

		if (strncmp(item, name, length) == 0 && item[length] == '=')
			text_wipe(item);
		else
			environment->items[kept++] = item;
	}
	environment->items[kept] = NULL;
	environment->count = kept;
}

/* Has the worker look; what else it is to know is in the request, which is wiped. */
static int ask_release(struct run *run, struct json_object *request,
		       struct json_object **ret_reply, struct error *err)
{
	int result;

	json_set_string(request, "release", run->release->name);
	result = errand_run(run, "requirements", request, deadline_in(ANSWER_TIMEOUT_MS),
			    ret_reply, err);
	json_wipe(request);
	return result;
}

/* What the release wants, and the Ruby that the step would run under. */
static int look(struct run *run, const char *path, struct json_object **ret_reply,
		struct error *err)
{
	autojson struct json_object *request = json_new_object();
	const char *program = bundler_program(&find_step(run->config)->run);
	int result;

	json_set_string(request, "program", program);
	json_set_string(request, "path", path);
	result = ask_release(run, request, ret_reply, err);
	return result < 0 ? error_wrap(err, "look for '%s' in PATH", program) : 0;
}

/* Whether what the release wants is met by this version. */
static int compare(struct run *run, const struct ruby *ruby,
		   struct json_object **ret_reply, struct error *err)
{
	autojson struct json_object *request = json_new_object();

	json_set_string(request, "ruby", ruby->version);
	return ask_release(run, request, ret_reply, err);
}

/* What a reply says for people; the commit's words. */
static char *printable(const struct json_object *demand, const char *key)
{
	char *text = text_copy(json_string(demand, key));

	if (text)
		text_make_printable(text);
	return text;
}

static int say_missing(const struct run *run, const char *name, const char *path,
		       struct error *reason)
{
	autofree char *shown = text_copy(path);

	blank_secrets(run->secrets, shown, false);
	return error_set(reason, ENOENT, "there is no '%s' in %s", name, shown);
}

/* What the machine has, as far as it can be told. */
static int find_ruby(struct run *run, struct config_texts *environment,
		     const struct json_object *reply, struct ruby *ruby,
		     struct error *err)
{
	autofree char *missing = printable(reply, "missing");
	const char *program = json_string(reply, "ruby_path");

	if (missing &&
	    say_missing(run, missing, environment_value(environment, "PATH"),
			&ruby->reason) < 0)
		return 0;
	if (!program || program[0] != '/')
		return 0;
	unset(environment, "RUBYOPT");
	return ask_ruby(run, program, environment, ruby, err);
}

/* *ret_demand: what the release wants; NULL: left to bundler. */
static int find_out(struct run *run, struct config_texts *environment, struct ruby *ruby,
		    struct json_object **ret_demand, struct error *err)
{
	autojson struct json_object *reply = NULL;
	int result = look(run, environment_value(environment, "PATH"), &reply, err);

	if (result == 0)
		result = find_ruby(run, environment, reply, ruby, err);
	if (result < 0 || (!*ruby->version && !ruby->reason.code))
		return result;
	if (*ruby->version && json_string(reply, "wanted"))
		return compare(run, ruby, ret_demand, err);
	*ret_demand = TAKE(reply);
	return 0;
}

static int refuse(const struct ruby *ruby, const struct json_object *demand,
		  struct error *err)
{
	autofree char *wanted = printable(demand, "wanted");
	autofree char *source = printable(demand, "source");

	if (*ruby->version)
		return error_set(err, ENOTSUP,
				 "this machine has Ruby %s, the commit wants %s (%s): "
				 "install it in the image, or deploy a commit for %s",
				 ruby->version, wanted, source, ruby->version);
	if (!wanted) {
		wanted = printable(demand, "hint");
		source = printable(demand, "hint_source");
	}
	if (!wanted)
		return error_set(
			err, ENOTSUP,
			"this machine has no Ruby for the commit: %s: install it "
			"in the image",
			ruby->reason.text);
	return error_set(err, ENOTSUP,
			 "this machine has no Ruby for the commit, which wants %s (%s): "
			 "%s: install it in the image",
			 wanted, source, ruby->reason.text);
}

/* A version manager's file that nothing on this machine obeys. */
static void warn_of_hint(const struct run *run, const struct ruby *ruby,
			 const struct json_object *demand)
{
	autofree char *hint = printable(demand, "hint");
	autofree char *source = printable(demand, "hint_source");
	autofree char *text = NULL;

	if (!hint || json_string(demand, "wanted") || text_is_equal(hint, ruby->version))
		return;
	text = text_format("the commit's %s says Ruby %s, this machine runs it with %s: "
			   "its Gemfile does not mind",
			   source, hint, ruby->version);
	run_warn(run, text);
}

static int judge(struct run *run, const struct ruby *ruby,
		 const struct json_object *demand, struct error *err)
{
	autofree char *wanted = printable(demand, "wanted");

	if (!*ruby->version || (wanted && !json_boolean(demand, "is_met")))
		return refuse(ruby, demand, err);
	warn_of_hint(run, ruby, demand);
	run_detail(run, "Ruby %s%s%s", ruby->version, wanted ? " for " : "",
		   wanted ? wanted : "");
	return 0;
}

int requirements_stage(struct run *run, struct error *err)
{
	autojson struct json_object *demand = NULL;
	struct config_texts environment = { 0 };
	struct ruby ruby = { .version = "" };
	int result = 0;

	environment_make(run, &environment);
	if (!environment_value(&environment, "BUNDLE_GEMFILE"))
		result = find_out(run, &environment, &ruby, &demand, err);
	environment_done(&environment);
	if (result == -ECANCELED)
		return result;
	if (result < 0) {
		run_warn(run, err->text);
		*err = (struct error){ 0 };
	}
	if (demand)
		return judge(run, &ruby, demand, err);
	run_detail(run, "left to bundler");
	return 0;
}
