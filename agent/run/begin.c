/* SPDX-License-Identifier: MIT */
#include "run/begin.h"

#include "aws/aws.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/complaints.h"
#include "config/config.h"
#include "config/keys.h"
#include "config/layers.h"
#include "config/span.h"
#include "metadata/imds.h"
#include "metadata/metadata.h"
#include "run/options.h"
#include "run/run.h"
#include "run/status.h"
#include "userdata/userdata.h"

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
/* The service has just answered: it is there. */
#define USER_DATA_BUDGET_MS INT64_C(30000)

/*
 * CONFIG comes later, but whoever set boot.deadline to less than four minutes means this
 * wait too. A file that cannot be read is told there.
 */
static struct deadline metadata_deadline(const struct run *run)
{
	const struct layers_request request = { .root_fd = run->places.root_fd,
						.file = run->options->config };
	struct deadline budget =
		deadline_sooner(deadline_in(METADATA_BUDGET_MS), run->deadline);
	int64_t total_ms = METADATA_BUDGET_MS * 2, half_ms;
	struct error ignored;
	struct layers layers;
	const char *text;

	/* What is wrong with it, CONFIG will say. */
	if (layers_load(&layers, &request, &ignored) < 0)
		total_ms = METADATA_BUDGET_MS * 2;
	text = json_text(key_value(layers.merged, "boot.deadline"));
	if (text && span_parse(text, &total_ms) < 0)
		total_ms = METADATA_BUDGET_MS * 2;
	layers_done(&layers);
	half_ms = total_ms / 2;
	total_ms -= half_ms < RESERVE_MS ? half_ms : RESERVE_MS;
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

/*
 * A configuration error is no reason to leave the group waiting for the hook's timeout.
 */
static void keep_hook_name(struct run *run, const struct layers *layers)
{
	if (layers->is_configured)
		run->hook_name =
			text_copy(json_text(key_value(layers->merged, "lifecycle.hook")));
}

/* Complaints are told at the end of the run, beside the error that has the first. */
static void keep_complaints(struct run *run, struct layers *layers)
{
	run->complaints = memory_new(1, sizeof(*run->complaints));
	*run->complaints = layers->complaints;
	layers->complaints = (struct complaints){ .count = 0 };
}

static int read_config(struct run *run, struct layers *layers, struct error *err)
{
	autofree char *origin = layers_describe(layers);
	int result;

	run_detail(run, "%s", origin);
	if (!layers->is_configured)
		return 0;
	result = config_read(layers->effective, &run->config, err);
	if (result < 0)
		return result;
	set_deadlines(run);
	return 0;
}

static int load_layers(struct run *run, const struct config_layer *user_data,
		       struct error *err)
{
	const struct layers_request request = { .root_fd = run->places.root_fd,
						.file = run->options->config,
						.user_data = user_data };
	struct layers layers;
	int result = layers_load(&layers, &request, err);

	keep_hook_name(run, &layers);
	if (result < 0)
		keep_complaints(run, &layers);
	else
		result = read_config(run, &layers, err);
	layers_done(&layers);
	return result;
}

/* The configuration in the user data: *ret_json may be secret; NULL: there is none. */
static int fetch_user_data(struct run *run, char **ret_json, struct error *err)
{
	const struct userdata_place place = { run->places.run_fd, run->boot_id };
	struct userdata userdata = { 0 };
	const char *note = NULL;
	struct deadline deadline =
		deadline_sooner(deadline_in(USER_DATA_BUDGET_MS), run->deadline);
	int result = userdata_fetch(run->imds, &place, deadline, &userdata, err);

	if (result == 0 && userdata.data)
		result = userdata_extract(userdata.data, userdata.length_bytes, ret_json,
					  &note, err);
	userdata_done(&userdata);
	if (result == 0 && note)
		log_write(&run->log, LOG_DEBUG, "user data: %s", note);
	return result < 0 ? error_wrap(err, "user data") : 0;
}

int config_stage(struct run *run, struct error *err)
{
	char *json = NULL;
	int result = fetch_user_data(run, &json, err);
	const struct config_layer user_data = { "user data", json,
						json ? strlen(json) : 0 };

	if (result == 0)
		result = load_layers(run, json ? &user_data : NULL, err);
	if (json)
		explicit_bzero(json, strlen(json));
	free(json);
	return result;
}

void config_stage_done(struct run *run)
{
	config_free(run->config);
	free(run->hook_name);
	run->config = NULL;
	run->hook_name = NULL;
	if (run->complaints)
		complaints_done(run->complaints);
	free(run->complaints);
	run->complaints = NULL;
}
