/* SPDX-License-Identifier: MIT */
#include "config/keys.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/near.h"
#include "base/text.h"
#include "config/config.h"

#include <string.h>

/*
 * The table that drives the configuration: a key exists because it has a row here. Limits
 * are generous but finite, so that a slip of the pen cannot make a wait endless.
 */

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define GIGABYTE (INT64_C(1) << 30)

static const char *const step_when_words[] = {
	[STEP_BEFORE_PUBLISH] = "before-publish",
	[STEP_AFTER_PUBLISH] = "after-publish",
	[STEP_AFTER_READY] = "after-ready",
	NULL,
};

static const char *const unreachable_words[] = {
	[UNREACHABLE_FAIL] = "fail",
	[UNREACHABLE_SERVE_BAKED] = "serve-baked",
	NULL,
};

const char *const config_reuse_words[] = { "copy", "hardlink", "none", NULL };

static const struct config_key step_keys[] = {
	{
		.name = "name",
		.type = CONFIG_NAME,
		.offset = offsetof(struct config_step, name),
		.is_required = true,
		.help = "What the step is called in output and status.",
	},
	{
		.name = "when",
		.type = CONFIG_WORD,
		.offset = offsetof(struct config_step, when),
		.fallback = "before-publish",
		.words = step_when_words,
		.help = "Before the release is published, after, or once ready.",
	},
	{
		.name = "run",
		.type = CONFIG_ARGUMENTS,
		.offset = offsetof(struct config_step, run),
		.is_required = true,
		.help = "The command and its arguments; no shell stands between.",
	},
	{
		.name = "timeout",
		.type = CONFIG_TIME,
		.offset = offsetof(struct config_step, timeout_ms),
		.fallback = "15m",
		.minimum = SECOND_MS,
		.maximum = 24 * HOUR_MS,
		.help = "How long the step may take before it is ended.",
	},
	{
		.name = "inputs",
		.type = CONFIG_RELATIVE_PATHS,
		.offset = offsetof(struct config_step, inputs),
		.help = "Files and directories that decide about the outputs.",
	},
	{
		.name = "outputs",
		.type = CONFIG_RELATIVE_PATHS,
		.offset = offsetof(struct config_step, outputs),
		.help = "Directories that the step fills, made once for the same inputs.",
	},
	{
		.name = "key_command",
		.type = CONFIG_ARGUMENTS,
		.offset = offsetof(struct config_step, key_command),
		.help = "A command whose output decides about the outputs, too.",
	},
	{
		.name = "parallel",
		.type = CONFIG_BOOLEAN,
		.offset = offsetof(struct config_step, is_parallel),
		.fallback = "false",
		.help = "Whether it may run beside neighbours that say so, too.",
	},
	{
		.name = "tasks_max",
		.type = CONFIG_COUNT,
		.offset = offsetof(struct config_step, tasks_max),
		.fallback = "4096",
		.minimum = 16,
		.maximum = 4194304,
		.help = "How many processes and threads the step's user may have.",
	},
	{
		.name = "remove",
		.type = CONFIG_BOOLEAN,
		.is_for_merging = true,
		.help = "Whether to drop the step of that name that a lower layer has.",
	},
	{
		.name = "before",
		.type = CONFIG_NAME,
		.is_for_merging = true,
		.help = "Put the step before the one of that name.",
	},
	{
		.name = "after",
		.type = CONFIG_NAME,
		.is_for_merging = true,
		.help = "Put the step right behind the one of that name.",
	},
	{ 0 },
};

static const struct config_key linked_file_keys[] = {
	{
		.name = "path",
		.type = CONFIG_RELATIVE_PATH,
		.offset = offsetof(struct config_linked_file, path),
		.is_required = true,
		.help = "The file in the release that becomes a link into shared/.",
	},
	{
		.name = "parameter",
		.type = CONFIG_SECRET,
		.offset = offsetof(struct config_linked_file, parameter),
		.help = "The secret that the file is to hold; what is there unless set.",
	},
	{ 0 },
};

const struct config_key config_keys[] = {
	{
		.name = "$schema",
		.type = CONFIG_TEXT,
		.is_for_merging = true,
		.help = "The address of the schema, for editors; not read.",
	},
	{
		.name = "preset",
		.type = CONFIG_NAME,
		.is_for_merging = true,
		.help = "The vendor's preset to begin with; none unless set.",
	},
	{
		.name = "application.name",
		.type = CONFIG_NAME,
		.offset = offsetof(struct config, application.name),
		.is_required = true,
		.help = "The application's short name; names its directories.",
	},
	{
		.name = "application.user",
		.type = CONFIG_USER,
		.offset = offsetof(struct config, application.user),
		.fallback = "deploy",
		.help = "The user that owns the releases and runs the steps.",
	},
	{
		.name = "application.environment",
		.type = CONFIG_VARIABLES,
		.offset = offsetof(struct config, application.environment),
		.help = "Environment variables of the steps; no secrets.",
	},
	{
		.name = "application.environment_parameters",
		.type = CONFIG_SECRETS,
		.offset = offsetof(struct config, application.environment_parameters),
		.help = "The path of parameters, or the secret, that hold variables.",
	},
	{
		.name = "source.repo_url",
		.type = CONFIG_REPOSITORY,
		.offset = offsetof(struct config, source.repo_url),
		.is_required = true,
		.help = "Where the git repository is.",
	},
	{
		.name = "source.branch",
		.type = CONFIG_BRANCH,
		.offset = offsetof(struct config, source.branch),
		.fallback = "main",
		.help = "The branch whose head is wanted; else a tag or a commit's id.",
	},
	{
		.name = "source.ssh_key_parameter",
		.type = CONFIG_SECRET,
		.offset = offsetof(struct config, source.ssh_key_parameter),
		.help = "The secret that holds the private deploy key, for SSH.",
	},
	{
		.name = "source.host_keys",
		.type = CONFIG_LINES,
		.offset = offsetof(struct config, source.host_keys),
		.help = "The git server's public host keys, for SSH.",
	},
	{
		.name = "source.token_parameter",
		.type = CONFIG_SECRET,
		.offset = offsetof(struct config, source.token_parameter),
		.help = "The secret that holds the access token, for HTTPS.",
	},
	{
		.name = "source.user",
		.type = CONFIG_USER,
		.offset = offsetof(struct config, source.user),
		.fallback = "bootagent",
		.help = "The user that fetches; owns the mirror and nothing else.",
	},
	{
		.name = "source.timeout",
		.type = CONFIG_TIME,
		.offset = offsetof(struct config, source.timeout_ms),
		.fallback = "5m",
		.minimum = SECOND_MS,
		.maximum = 24 * HOUR_MS,
		.help = "How long a fetch may take.",
	},
	{
		.name = "source.on_unreachable",
		.type = CONFIG_WORD,
		.offset = offsetof(struct config, source.on_unreachable),
		.fallback = "fail",
		.words = unreachable_words,
		.help = "Whether a good release will do while git is unreachable.",
	},
	{
		.name = "release.deploy_to",
		.type = CONFIG_PATH,
		.offset = offsetof(struct config, release.deploy_to),
		.fallback_directory = "/srv",
		.help = "The application's directory; /srv/NAME unless set.",
	},
	{
		.name = "release.keep_releases",
		.type = CONFIG_COUNT,
		.offset = offsetof(struct config, release.keep_releases),
		.fallback = "5",
		.minimum = 1,
		.maximum = 1000,
		.help = "How many good releases stay on the disk.",
	},
	{
		.name = "release.linked_files",
		.type = CONFIG_LIST,
		.offset = offsetof(struct config, release.linked_files),
		.members = linked_file_keys,
		.member_size_bytes = sizeof(struct config_linked_file),
		.help = "Files of shared/ that every release links to.",
	},
	{
		.name = "release.linked_dirs",
		.type = CONFIG_RELATIVE_PATHS,
		.offset = offsetof(struct config, release.linked_dirs),
		.help = "Directories of shared/ that every release links to.",
	},
	{
		.name = "release.reuse",
		.type = CONFIG_WORD,
		.offset = offsetof(struct config, release.reuse),
		.fallback = "copy",
		.words = config_reuse_words,
		.help = "How unchanged files come from the previous release.",
	},
	{
		.name = "steps",
		.type = CONFIG_LIST,
		.offset = offsetof(struct config, steps),
		.members = step_keys,
		.identity = "name",
		.member_size_bytes = sizeof(struct config_step),
		.help = "What is run, in this order.",
	},
	{
		.name = "outputs.max_size",
		.type = CONFIG_SIZE,
		.offset = offsetof(struct config, outputs.max_size_bytes),
		.fallback = "2G",
		.minimum = 0,
		.maximum = 1024 * GIGABYTE,
		.help = "How much room the outputs of steps may take.",
	},
	{
		.name = "outputs.max_age",
		.type = CONFIG_TIME,
		.offset = offsetof(struct config, outputs.max_age_ms),
		.fallback = "30d",
		.minimum = SECOND_MS,
		.maximum = 3650 * DAY_MS,
		.help = "How long outputs that no release needs stay after use.",
	},
	{
		.name = "readiness.url",
		.type = CONFIG_HTTP_URL,
		.offset = offsetof(struct config, readiness.url),
		.is_required = true,
		.help = "The address that answers when the application serves.",
	},
	{
		.name = "readiness.host",
		.type = CONFIG_TEXT,
		.offset = offsetof(struct config, readiness.host),
		.help = "The Host header of the probe; the URL's own unless set.",
	},
	{
		.name = "readiness.headers",
		.type = CONFIG_HEADERS,
		.offset = offsetof(struct config, readiness.headers),
		.help = "Further headers of the probe; no secrets.",
	},
	{
		.name = "readiness.unit",
		.type = CONFIG_UNIT,
		.offset = offsetof(struct config, readiness.unit),
		.help = "The systemd unit whose processes must be of the new release.",
	},
	{
		.name = "readiness.revision_header",
		.type = CONFIG_NAME,
		.offset = offsetof(struct config, readiness.revision_header),
		.help = "A reply header that must carry the release's full revision.",
	},
	{
		.name = "readiness.expected_status",
		.type = CONFIG_COUNT,
		.offset = offsetof(struct config, readiness.expected_status),
		.fallback = "200",
		.minimum = 200,
		.maximum = 299,
		.help = "The HTTP status of a good answer.",
	},
	{
		.name = "readiness.healthy_threshold",
		.type = CONFIG_COUNT,
		.offset = offsetof(struct config, readiness.healthy_threshold),
		.fallback = "2",
		.minimum = 1,
		.maximum = 100,
		.help = "Good answers in a row that prove a restarted application.",
	},
	{
		.name = "readiness.interval",
		.type = CONFIG_TIME,
		.offset = offsetof(struct config, readiness.interval_ms),
		.fallback = "500ms",
		.minimum = 10,
		.maximum = MINUTE_MS,
		.help = "The time between two probes.",
	},
	{
		.name = "readiness.timeout",
		.type = CONFIG_TIME,
		.offset = offsetof(struct config, readiness.timeout_ms),
		.fallback = "2m",
		.minimum = 100,
		.maximum = HOUR_MS,
		.help = "How long the application may take until it is proven.",
	},
	{
		.name = "boot.deadline",
		.type = CONFIG_TIME,
		.offset = offsetof(struct config, boot.deadline_ms),
		.fallback = "30m",
		.minimum = 10 * SECOND_MS,
		.maximum = 48 * HOUR_MS,
		.help = "How long a whole run may take, whatever its verb.",
	},
	{
		.name = "lifecycle.hook",
		.type = CONFIG_TEXT,
		.offset = offsetof(struct config, lifecycle.hook),
		.help = "The launching lifecycle hook; none is completed unless set.",
	},
	{ 0 },
};

bool key_is_remark(const char *name)
{
	return strcmp(name, "_comment") == 0 || strncmp(name, "x-", 2) == 0;
}

const struct config_key *key_find(const struct config_key *keys, const char *name)
{
	for (; keys->name; keys++)
		if (strcmp(keys->name, name) == 0)
			return keys;
	return NULL;
}

bool key_is_section(const struct config_key *keys, const char *name)
{
	size_t length = strlen(name);

	for (; keys->name; keys++)
		if (strncmp(keys->name, name, length) == 0 && keys->name[length] == '.')
			return true;
	return false;
}

struct json_object *key_value(struct json_object *object, const char *name)
{
	autofree char *names = text_copy(name);
	char *rest = names, *member;

	while (object && (member = strsep(&rest, ".")))
		if (!json_object_is_type(object, json_type_object) ||
		    !json_object_object_get_ex(object, member, &object))
			return NULL;
	return object;
}

struct json_object *key_default(const struct config_key *key,
				struct json_object *document)
{
	autofree char *path = NULL;
	struct json_object *value = NULL;
	const char *text = key->fallback, *name;

	if (key->fallback_directory) {
		name = json_text(key_value(document, "application.name"));
		if (name)
			text = path = text_format("%s/%s", key->fallback_directory, name);
	}
	if (!text)
		return NULL;
	if (key->type == CONFIG_COUNT)
		value = json_object_new_int64(strtoll(text, NULL, 10));
	else if (key->type == CONFIG_BOOLEAN)
		value = json_object_new_boolean(strcmp(text, "true") == 0);
	else
		value = json_object_new_string(text);
	if (!value)
		abort();
	return value;
}

/* The part behind the last dot. */
static const char *last_part(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot + 1 : name;
}

struct nearest {
	const char *wanted;
	size_t limit; /* how far the last parts may differ */
	size_t score; /* of the best so far, the lower the better */
	char *name;
};

/* Names differ in their last part, or stand in the wrong section, rarely both. */
static void offer(struct nearest *nearest, const char *name, size_t length)
{
	autofree char *offered = text_format("%.*s", (int)length, name);
	const char *ours = last_part(offered), *theirs = last_part(nearest->wanted);
	size_t distance = near_distance(ours, theirs);
	bool is_elsewhere = ours - offered != theirs - nearest->wanted ||
		strncmp(offered, nearest->wanted, (size_t)(ours - offered)) != 0;
	size_t score = 2 * distance + is_elsewhere;

	if (distance > nearest->limit || (nearest->name && score >= nearest->score))
		return;
	free(nearest->name);
	nearest->name = TAKE(offered);
	nearest->score = score;
}

char *key_nearest(const struct config_key *keys, const char *wanted)
{
	struct nearest nearest = { .wanted = wanted,
				   .limit = near_limit(last_part(wanted)) };

	for (; keys->name; keys++) {
		const char *dot = strchr(keys->name, '.');

		if (dot)
			offer(&nearest, keys->name, (size_t)(dot - keys->name));
		offer(&nearest, keys->name, strlen(keys->name));
	}
	return nearest.name;
}
