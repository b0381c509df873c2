/* SPDX-License-Identifier: MIT */
#include "steps/requirements.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "release/release_types.h"
#include "release/tree.h"
#include "run/run.h"
#include "secrets/blank.h"
#include "setup/setup_types.h"
#include "steps/command.h"
#include "steps/environment.h"
#include "steps/ruby.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The right Ruby is the image's business. When a commit wants another one, bundler says
 * so in a page of output, and the revision would look like a bad one; here it is a
 * sentence, and "this machine cannot". Ruby itself is asked which it is, as the
 * application's user and in the release's directory, where a version manager's shim
 * answers for the release's own .ruby-version.
 */

#define RUBY_TIMEOUT_MS 10000
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

		if (step->when == STEP_BEFORE_PUBLISH && ruby_is_bundler(&step->run))
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
		.deadline = deadline_sooner(deadline_in(RUBY_TIMEOUT_MS), run->deadline),
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

static int find_out(struct run *run, struct config_texts *environment, struct ruby *ruby,
		    bool *ret_is_known, struct error *err)
{
	const struct config_step *step = find_step(run->config);
	const char *path = environment_value(environment, "PATH");
	autofree char *program = NULL;
	int result = ruby_find(&step->run, path ? path : "", &program, &ruby->reason);

	*ret_is_known = result < 0;
	if (result < 0 || !program)
		return 0;
	unset(environment, "RUBYOPT");
	result = ask_ruby(run, program, environment, ruby, err);
	if (result == -ECANCELED)
		return result;
	if (result < 0) {
		run_warn(run, err->text);
		*err = (struct error){ 0 };
		return 0;
	}
	*ret_is_known = *ruby->version || ruby->reason.code;
	return 0;
}

static int ask_release(struct run *run, const struct ruby *ruby,
		       struct json_object **ret_demand, struct error *err)
{
	struct json_object *request = json_new_object();

	json_set_string(request, "release", run->release->name);
	if (*ruby->version)
		json_set_string(request, "ruby", ruby->version);
	return tree_perform(run, "requirements", request, ret_demand, err);
}

/* What a reply says for people; the commit's words. */
static char *printable(const struct json_object *demand, const char *key)
{
	char *text = text_copy(json_string(demand, key));

	if (text)
		text_make_printable(text);
	return text;
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

static int judge(struct run *run, const struct ruby *ruby, struct error *err)
{
	autojson struct json_object *demand = NULL;
	autofree char *wanted = NULL;
	int result = ask_release(run, ruby, &demand, err);

	if (result < 0)
		return result;
	wanted = printable(demand, "wanted");
	if (!*ruby->version || (wanted && !json_boolean(demand, "is_met")))
		return refuse(ruby, demand, err);
	warn_of_hint(run, ruby, demand);
	run_detail(run, "Ruby %s%s%s", ruby->version, wanted ? " for " : "",
		   wanted ? wanted : "");
	return 0;
}

int requirements_stage(struct run *run, struct error *err)
{
	struct config_texts environment = { 0 };
	struct ruby ruby = { .version = "" };
	bool is_known = false;
	int result = 0;

	environment_make(run, &environment);
	if (!environment_value(&environment, "BUNDLE_GEMFILE"))
		result = find_out(run, &environment, &ruby, &is_known, err);
	environment_done(&environment);
	if (result < 0)
		return result;
	if (is_known)
		return judge(run, &ruby, err);
	run_detail(run, "left to bundler");
	return 0;
}
