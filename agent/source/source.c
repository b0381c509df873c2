/* SPDX-License-Identifier: MIT */
#include "source/source.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "config/repository.h"
#include "run/options.h"
#include "run/pin.h"
#include "run/run.h"
#include "run/status.h"
#include "secrets/secrets.h"
#include "setup/setup_types.h"
#include "source/renew.h"
#include "source/source_types.h"
#include "worker/worker.h"

#include <errno.h>

/*
 * Which revision is wanted, and that the mirror has it. The git protocol is spoken by a
 * worker as source.user; a server that says nothing is that worker's end, not ours.
 */

#define SOURCE_IDLE_MS INT64_C(60000)
/* It unlinks a few files; whoever cannot do that in this time is not waited for. */
#define SWEEP_TOTAL_MS INT64_C(5000)

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

/* What is asked for, and by which name people know it. Both are borrowed. */
struct wish {
	const char *ref;
	const char *name;
};

/* A person's word now, else the pin, else the configuration. */
static int find_wish(struct run *run, struct wish *ret_wish, struct error *err)
{
	const struct options *options = run->options;
	const char *branch = run->config->source.branch;
	int result = run_load_pin(run, err);

	if (result == 0 && options->has_unpin)
		result = run_remove_pin(run, err);
	if (result < 0)
		return result;
	if (options->ref)
		*ret_wish = (struct wish){ options->ref, options->ref };
	else if (run->pin.revision)
		*ret_wish =
			(struct wish){ run->pin.revision,
				       run->pin.ref ? run->pin.ref : run->pin.revision };
	else
		*ret_wish = (struct wish){ branch, branch };
	return 0;
}

/* What it had half written may be gigabytes; if not now, the next fetch removes it. */
static void sweep_after_kill(struct run *run)
{
	autojson struct json_object *request = json_new_object();
	autojson struct json_object *reply = NULL;
	const struct worker_task task = {
		.helper = "bootagent-source",
		.identity = &run->setup->source,
		.home = run->setup->source_home,
		.request = request,
		.idle_timeout_ms = SWEEP_TOTAL_MS,
		.deadline = deadline_in(SWEEP_TOTAL_MS),
	};
	struct error ignored;

	json_set_string(request, "verb", "sweep");
	json_set_string(request, "repository", run->setup->mirror);
	if (!deadline_is_over(run->deadline) &&
	    run_worker(run, &task, &reply, &ignored) < 0)
		return;
}

static int fetch(struct run *run, const char *ref, struct json_object **ret_reply,
		 struct error *err)
{
	const struct config *config = run->config;
	autofree char *shown = repository_shown(config->source.repo_url);
	autojson struct json_object *request = json_new_object();
	const struct worker_task task = {
		.helper = "bootagent-source",
		.identity = &run->setup->source,
		.home = run->setup->source_home,
		.request = request,
		.idle_timeout_ms = idle_timeout_ms(config),
		.deadline = deadline_in(config->source.timeout_ms),
	};
	int result;

	json_set_string(request, "verb", "fetch");
	json_set_string(request, "repository", run->setup->mirror);
	json_set_string(request, "url", config->source.repo_url);
	json_set_string(request, "ref", ref);
	add_keys(run, request);
	result = run_worker(run, &task, ret_reply, err);
	json_wipe(request);
	/* We ended it, or -EPROTO, perhaps the kernel did. */
	if (result == -ETIMEDOUT || result == -EPROTO)
		sweep_after_kill(run);
	if (result == -ETIMEDOUT)
		return error_wrap(err, "fetch '%s' (source.timeout is %lld s)", shown,
				  (long long)(config->source.timeout_ms / 1000));
	/* Of all places in the mirror's: it is as good as damaged. */
	if (result == -ENOTEMPTY)
		return err->code = -EUCLEAN;
	if (result == -ENOSPC || result == -EDQUOT)
		return renew_explain_room(run, err);
	if (result == -ENOENT && run->pin.revision && !run->options->ref)
		return error_wrap(err, "pinned by %s ('sync --unpin' takes it back)",
				  run->pin.by);
	return result;
}

int source_stage(struct run *run, struct error *err)
{
	autojson struct json_object *reply = NULL;
	struct wish wish = { 0 };
	const char *revision;
	int result = find_wish(run, &wish, err);

	if (result == 0 && run->mirror_damage)
		result = renew_mirror(run, err);
	if (result == 0)
		result = fetch(run, wish.ref, &reply, err);
	if (result < 0)
		return result;
	revision = json_string(reply, "revision");
	if (!text_is_revision(revision))
		return error_set(err, EPROTO, "bootagent-source named no revision");
	run->source = memory_new(1, sizeof(*run->source));
	run->source->revision = text_copy(revision);
	run->source->name = text_copy(wish.name);
	if (run->options->ref)
		result = run_set_pin(run, revision, run->options->ref, err);
	if (result < 0)
		return result;
	status_set_wanted(run, revision);
	run_detail(run, "%s is %.12s%s%s%s", run->source->name, revision,
		   json_boolean(reply, "fetched") ? "" : ", already here",
		   run->pin.revision ? "; pinned" : "",
		   run->mirror_damage ? "; the mirror is a new one" : "");
	return 0;
}

void source_stage_done(struct run *run)
{
	if (run->source) {
		free(run->source->revision);
		free(run->source->name);
	}
	free(run->source);
	run->source = NULL;
}
