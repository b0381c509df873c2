/* SPDX-License-Identifier: MIT */
#include "source/source.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "run/run.h"
#include "run/status.h"
#include "secrets/secrets.h"
#include "setup/setup_types.h"
#include "source/source_types.h"
#include "worker/worker.h"

#include <errno.h>

/*
 * Which revision is wanted, and that the mirror has it. The git protocol is spoken by a
 * worker as source.user; a server that says nothing is that worker's end, not ours.
 */

#define SOURCE_IDLE_MS INT64_C(60000)

static int64_t idle_timeout_ms(const struct config *config)
{
	return config->source.timeout_ms < SOURCE_IDLE_MS ? config->source.timeout_ms
							  : SOURCE_IDLE_MS;
}

/* The keys to the server, if it wants any; secrets. */
static void add_keys(const struct run *run, struct json_object *request)
{
	const struct config *config = run->config;
	const char *token = secrets_value(run, config->source.token_parameter);
	const char *key = secrets_value(run, config->source.ssh_key_parameter);
	struct json_object *host_keys = json_new_array();

	if (token)
		json_set_string(request, "token", token);
	if (key)
		json_set_string(request, "ssh_key", key);
	for (size_t i = 0; i < config->source.host_keys.count; i++)
		json_add_string(host_keys, config->source.host_keys.items[i]);
	json_set(request, "host_keys", host_keys);
}

int source_stage(struct run *run, struct error *err)
{
	const struct config *config = run->config;
	autojson struct json_object *request = json_new_object();
	autojson struct json_object *reply = NULL;
	const struct worker_task task = {
		.helper = "bootagent-source",
		.identity = &run->setup->source,
		.home = run->setup->source_home,
		.request = request,
		.idle_timeout_ms = idle_timeout_ms(config),
		.deadline = deadline_in(config->source.timeout_ms),
	};
	const char *revision;
	int result;

	json_set_string(request, "verb", "fetch");
	json_set_string(request, "repository", run->setup->mirror);
	json_set_string(request, "url", config->source.repo_url);
	json_set_string(request, "ref", config->source.branch);
	add_keys(run, request);
	result = run_worker(run, &task, &reply, err);
	json_wipe(request);
	if (result == -ETIMEDOUT)
		return error_wrap(err, "fetch '%s' (source.timeout is %lld s)",
				  config->source.repo_url,
				  (long long)(config->source.timeout_ms / 1000));
	if (result < 0)
		return result;
	revision = json_string(reply, "revision");
	if (!text_is_revision(revision))
		return error_set(err, EPROTO, "bootagent-source named no revision");
	run->source = memory_new(1, sizeof(*run->source));
	run->source->revision = text_copy(revision);
	status_set_wanted(run, revision);
	run_detail(run, "%s is %.12s%s", config->source.branch, revision,
		   json_boolean(reply, "fetched") ? "" : ", already here");
	return 0;
}

void source_stage_done(struct run *run)
{
	if (run->source)
		free(run->source->revision);
	free(run->source);
	run->source = NULL;
}
