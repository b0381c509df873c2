/* SPDX-License-Identifier: MIT */
#include "run/begin.h"

#include "aws/aws.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "config/span.h"
#include "metadata/imds.h"
#include "metadata/metadata.h"
#include "run/options.h"
#include "run/run.h"
#include "run/status.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/*
 * The first two stages. Their parts (metadata/, config/) lie below the run and know
 * nothing of it; here they meet it.
 */

/* Facts I1: the service was seen to come up after more than two minutes. */
#define METADATA_BUDGET_MS INT64_C(240000)
#define RESERVE_MS INT64_C(60000)
#define CONFIG_FILE "/etc/bootagent/bootagent.json"

static int load_document(const struct run *run, const char *path,
			 struct json_object **ret_document, struct error *err)
{
	autofree char *directory = strdup(path);
	char *name = directory ? strrchr(directory, '/') : NULL;
	autoclose int dir_fd = -1;
	int result;

	if (!name)
		return error_set(err, EINVAL,
				 "--config '%s': give an absolute path inside the root",
				 path);
	*name++ = '\0';
	result = places_open(&run->places, *directory ? directory : "/",
			     O_RDONLY | O_DIRECTORY, &dir_fd, err);
	if (result < 0)
		return result;
	return json_load(dir_fd, name, CONFIG_MAX_BYTES, ret_document, err);
}

/*
 * CONFIG comes later, but whoever set boot.deadline to less than four minutes means this
 * wait too. A file that cannot be read is told there.
 */
static struct deadline metadata_deadline(const struct run *run)
{
	const char *path = run->options->config ? run->options->config : CONFIG_FILE;
	struct deadline budget =
		deadline_sooner(deadline_in(METADATA_BUDGET_MS), run->deadline);
	autojson struct json_object *document = NULL;
	const char *text;
	struct error ignored;
	int64_t total_ms, half_ms;

	if (load_document(run, path, &document, &ignored) < 0)
		return budget;
	text = json_string(json_member(document, "boot", json_type_object), "deadline");
	if (!text || span_parse(text, &total_ms) < 0)
		return budget;
	half_ms = total_ms / 2;
	total_ms -= half_ms < RESERVE_MS ? half_ms : RESERVE_MS;
	if (total_ms >= METADATA_BUDGET_MS)
		return budget;
	return deadline_sooner(budget, (struct deadline){ run->begun_ms + total_ms });
}

/* Off EC2 by decision (AWS_EC2_METADATA_DISABLED): a file says who we are. */
static int load_stand_in(struct run *run, struct error *err)
{
	autofree char *text = NULL;
	autoclose int dir_fd = -1;
	int result = places_open(&run->places, "/etc/bootagent", O_RDONLY | O_DIRECTORY,
				 &dir_fd, err);

	if (result == 0)
		result = file_read(dir_fd, strrchr(METADATA_STAND_IN, '/') + 1,
				   METADATA_STAND_IN_MAX_BYTES, &text, NULL, err);
	if (result == -ENOENT)
		return error_set(err, ENOENT,
				 "AWS_EC2_METADATA_DISABLED is true and there is no %s: "
				 "write one (id, type, image_id, availability_zone, "
				 "region) or unset the variable",
				 METADATA_STAND_IN);
	if (result == 0)
		result = metadata_parse(text, &run->metadata, err);
	return result < 0 ? error_wrap(err, METADATA_STAND_IN) : 0;
}

int metadata_stage(struct run *run, struct error *err)
{
	int result;

	run->imds = memory_new(1, sizeof(*run->imds));
	result = imds_init(run->imds, &run->loop, run->http, err);
	if (result < 0)
		return result;
	run->imds->listener = run_listener(run);
	if (run->imds->is_disabled)
		result = load_stand_in(run, err);
	else
		result = metadata_fetch(run->imds, metadata_deadline(run), &run->metadata,
					err);
	if (result < 0)
		return result;
	run->aws = memory_new(1, sizeof(*run->aws));
	aws_init(run->aws, &run->loop, run->http, run->imds);
	run->aws->listener = run_listener(run);
	aws_set_region(run->aws, run->metadata->region, run->metadata->domain);
	status_set_instance(run);
	run_detail(run, "%s, %s", run->metadata->instance_id,
		   run->metadata->availability_zone);
	return 0;
}

void metadata_stage_done(struct run *run)
{
	if (run->aws)
		aws_done(run->aws);
	if (run->imds)
		imds_done(run->imds);
	free(run->aws);
	free(run->imds);
	metadata_free(run->metadata);
	run->aws = NULL;
	run->imds = NULL;
	run->metadata = NULL;
}

static bool is_configured(const struct json_object *document)
{
	return !json_object_is_type(document, json_type_object) ||
		json_object_object_get_ex(document, "application", NULL) ||
		json_object_object_get_ex(document, "source", NULL);
}

/*
 * A configuration error is no reason to leave the group waiting for the hook's timeout.
 */
static void keep_hook_name(struct run *run, const struct json_object *document)
{
	const struct json_object *lifecycle =
		json_member(document, "lifecycle", json_type_object);

	run->hook_name = text_copy(json_string(lifecycle, "hook"));
}

/* The last part of the budget is kept for taking back and delivering the verdict. */
static void set_deadlines(struct run *run)
{
	int64_t total_ms = run->config->boot.deadline_ms;
	int64_t reserve_ms = run->config->readiness.timeout_ms + RESERVE_MS;

	if (reserve_ms > total_ms / 2)
		reserve_ms = total_ms / 2;
	run->final_deadline.at_ms = run->begun_ms + total_ms;
	run->deadline.at_ms = run->final_deadline.at_ms - reserve_ms;
}

int config_stage(struct run *run, struct error *err)
{
	const char *path = run->options->config ? run->options->config : CONFIG_FILE;
	autojson struct json_object *document = NULL;
	int result = load_document(run, path, &document, err);

	if (result == -ENOENT && !run->options->config) {
		run_detail(run, "not configured: there is no %s", path);
		return 0;
	}
	if (result < 0)
		return error_wrap(err, "%s", path);
	if (!is_configured(document)) {
		run_detail(run, "not configured: %s sets neither application nor source",
			   path);
		return 0;
	}
	keep_hook_name(run, document);
	result = config_parse(document, path, &run->config, err);
	if (result < 0)
		return result;
	set_deadlines(run);
	run_detail(run, "%s", path);
	return 0;
}

void config_stage_done(struct run *run)
{
	config_free(run->config);
	free(run->hook_name);
	run->config = NULL;
	run->hook_name = NULL;
}
