/* SPDX-License-Identifier: MIT */
#include "steps/environment.h"

#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "release/release_types.h"
#include "run/run.h"
#include "secrets/secrets.h"
#include "setup/setup_types.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * What a step finds in its environment: nothing of ours, what the configuration and its
 * secrets say, and what a program of that user needs to know.
 */

#define STEP_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static void add(struct config_texts *environment, char *variable)
{
	environment->items =
		memory_grow(environment->items, environment->count,
			    environment->count + 2, sizeof(*environment->items));
	environment->items[environment->count++] = variable;
	environment->items[environment->count] = NULL;
}

static bool is_set(const struct config_texts *environment, const char *variable)
{
	size_t length = strcspn(variable, "=") + 1;

	for (size_t i = 0; i < environment->count; i++)
		if (strncmp(environment->items[i], variable, length) == 0)
			return true;
	return false;
}

void environment_make(const struct run *run, struct config_texts *ret_environment)
{
	const struct config_texts *secrets = secrets_variables(run);
	const struct config_texts *configured = &run->config->application.environment;
	const struct setup *setup = run->setup;
	char *usual[] = {
		text_format("HOME=%s", setup->application_home),
		text_format("USER=%s", setup->application.name),
		text_format("LOGNAME=%s", setup->application.name),
		text_copy(STEP_PATH),
		text_copy("LANG=C.UTF-8"),
		text_format("BOOTAGENT_DEPLOY_TO=%s", setup->deploy_to),
		text_format("BOOTAGENT_RELEASE=%s", run->release->name),
		text_format("BOOTAGENT_REVISION=%s", run->release->revision),
	};

	for (size_t i = 0; i < secrets->count; i++)
		add(ret_environment, text_copy(secrets->items[i]));
	for (size_t i = 0; i < configured->count; i++)
		if (!is_set(ret_environment, configured->items[i]))
			add(ret_environment, text_copy(configured->items[i]));
	for (size_t i = 0; i < ARRAY_COUNT(usual); i++) {
		if (is_set(ret_environment, usual[i]))
			free(usual[i]);
		else
			add(ret_environment, usual[i]);
	}
}

void environment_done(struct config_texts *environment)
{
	for (size_t i = 0; i < environment->count; i++)
		text_wipe(environment->items[i]);
	free(environment->items);
	*environment = (struct config_texts){ 0 };
}

const char *environment_value(const struct config_texts *environment, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < environment->count; i++)
		if (strncmp(environment->items[i], name, length) == 0 &&
		    environment->items[i][length] == '=')
			return environment->items[i] + length + 1;
	return NULL;
}
