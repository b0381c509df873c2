/* SPDX-License-Identifier: MIT */
#include "secrets/secrets.h"

#include "aws/aws.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "loop/loop.h"
#include "run/run.h"
#include "secrets/fetch.h"
#include "secrets/secrets_types.h"

#include <errno.h>
#include <string.h>

/*
 * The configuration names secrets and never holds one. They are read when a run needs
 * them, kept in memory for as long as it lasts, and go to whom they are for: git's to the
 * worker that fetches, the application's to its files and steps.
 */

#define SECRETS_BUDGET_MS INT64_C(300000)
#define WAIT_MARGIN_MS 2000

static void add(struct secrets *secrets, const char *text, char *key, bool is_wanted)
{
	struct secret *secret;

	if (!text) {
		free(key);
		return;
	}
	secrets->items = memory_grow(secrets->items, secrets->count, secrets->count + 1,
				     sizeof(*secrets->items));
	secret = &secrets->items[secrets->count++];
	*secret = (struct secret){ .text = text, .key = key, .is_wanted = is_wanted };
	/* The configuration was checked: what is no name is asked for as it stands. */
	if (secret_name_parse(text, &secret->name) < 0)
		secret->name.id = text_copy(text);
}

static struct secrets *collect(const struct run *run)
{
	const struct config *config = run->config;
	const struct config_linked_files *files = &config->release.linked_files;
	struct secrets *secrets = memory_new(1, sizeof(*secrets));

	secrets->aws = run->aws;
	add(secrets, config->source.ssh_key_parameter,
	    text_copy("source.ssh_key_parameter"), true);
	add(secrets, config->source.token_parameter, text_copy("source.token_parameter"),
	    true);
	for (size_t i = 0; i < files->count; i++)
		add(secrets, files->items[i].parameter,
		    text_format("release.linked_files[%zu].parameter", i), run->is_boot);
	secrets->group = config->application.environment_parameters;
	secrets->is_group_wanted = secrets->group && run->is_boot;
	if (secrets->group &&
	    secret_name_parse(secrets->group, &secrets->group_name) < 0) {
		size_t length = strlen(secrets->group);

		length -= length > 1 && secrets->group[length - 1] == '/';
		secrets->group_name.id = text_format("%.*s", (int)length, secrets->group);
	}
	return secrets;
}

static bool has_git_secret(const struct config *config)
{
	return config->source.ssh_key_parameter || config->source.token_parameter;
}

bool secrets_are_needed(const struct run *run)
{
	const struct config *config = run->config;

	if (has_git_secret(config))
		return true;
	if (!run->is_boot)
		return false;
	for (size_t i = 0; i < config->release.linked_files.count; i++)
		if (config->release.linked_files.items[i].parameter)
			return true;
	return config->application.environment_parameters != NULL;
}

static bool is_over(const void *data)
{
	return !((const struct secrets *)data)->is_asking;
}

static int await(struct run *run, struct deadline deadline, struct error *err)
{
	struct secrets *secrets = run->secrets;
	int result = loop_wait(&run->loop, is_over, secrets, deadline, err);

	if (result == -ETIME)
		return error_set(err, ETIME, "the secrets are not there in time");
	if (result == 0 && secrets->error.code) {
		*err = secrets->error;
		result = err->code;
	}
	return result;
}

/* The calls' own deadline comes first and knows the reason. */
static struct deadline net_of(const struct secrets *secrets)
{
	return (struct deadline){ secrets->deadline.at_ms + WAIT_MARGIN_MS };
}

static void fetch(struct run *run)
{
	run->secrets->listener = run_listener(run);
	run->secrets->deadline =
		deadline_sooner(deadline_in(SECRETS_BUDGET_MS), run->deadline);
	secrets_fetch(run->secrets);
}

int secrets_stage(struct run *run, struct error *err)
{
	int result = 0;

	(void)secrets_of(run);
	fetch(run);
	if (has_git_secret(run->config))
		result = await(run, net_of(run->secrets), err);
	else
		run_detail(run, "being read on the way");
	return result;
}

int secrets_await_all(struct run *run, int64_t at_most_ms, struct error *err)
{
	struct secrets *secrets = secrets_of(run);
	struct deadline deadline;

	for (size_t i = 0; i < secrets->count; i++)
		secrets->items[i].is_wanted = true;
	secrets->is_group_wanted = secrets->group != NULL;
	/* What was begun goes on by its own deadline; else there is something to ask. */
	if (!secrets->is_asking)
		fetch(run);
	deadline = net_of(secrets);
	if (at_most_ms > 0)
		deadline = deadline_sooner(deadline, deadline_in(at_most_ms));
	return await(run, deadline, err);
}

struct secrets *secrets_of(struct run *run)
{
	if (!run->secrets)
		run->secrets = collect(run);
	return run->secrets;
}

void secrets_free_texts(struct config_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		text_wipe(texts->items[i]);
	free(texts->items);
	*texts = (struct config_texts){ 0 };
}

const struct config_texts *secrets_variables(const struct run *run)
{
	static const struct config_texts none = { 0 };
	const struct secrets *secrets = run->secrets;

	return secrets && (secrets->is_group_known || secrets->is_group_kept)
		? &secrets->variables
		: &none;
}

const char *secrets_value(const struct run *run, const char *text)
{
	const struct secrets *secrets = run->secrets;

	for (size_t i = 0; secrets && text && i < secrets->count; i++)
		if (secrets->items[i].text == text ||
		    strcmp(secrets->items[i].text, text) == 0)
			return secrets->items[i].value;
	return NULL;
}

void secrets_stage_done(struct run *run)
{
	struct secrets *secrets = run->secrets;

	if (!secrets)
		return;
	secrets_cancel(secrets);
	for (size_t i = 0; i < secrets->count; i++) {
		free(secrets->items[i].key);
		secret_name_done(&secrets->items[i].name);
		text_wipe(secrets->items[i].value);
	}
	secrets_free_texts(&secrets->variables);
	text_wipe(secrets->file_before);
	free(secrets->items);
	free(secrets->next_page);
	secret_name_done(&secrets->group_name);
	free(secrets);
	run->secrets = NULL;
}
