/* SPDX-License-Identifier: MIT */
#include "run/begin.h"

#include "aws/aws.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/complaints.h"
#include "config/config.h"
#include "config/layers.h"
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

static struct layers_request layers_wanted(const struct run *run)
{
	return (struct layers_request){ .root_fd = run->places.root_fd,
					.file = run->options->config };
}

/* What is wrong with the files, CONFIG will say; user data may still be laid on them. */
static void read_files(struct run *run)
{
	const struct layers_request request = layers_wanted(run);
	int64_t total_ms = 0;

	run->layers = memory_new(1, sizeof(*run->layers));
	layers_read(run->layers, &request);
	if (layers_value(run->layers, "boot.deadline", &total_ms))
		run->final_deadline.at_ms = run->begun_ms + total_ms;
}

/*
 * For each thing that is asked of the service. CONFIG comes later, but whoever set
 * boot.deadline to less than four minutes means this wait too.
 */
static struct deadline metadata_deadline(const struct run *run)
{
	int64_t total_ms = run->final_deadline.at_ms - run->begun_ms;
	int64_t reserve_ms = total_ms / 2 < RESERVE_MS ? total_ms / 2 : RESERVE_MS;
	struct deadline last = { run->final_deadline.at_ms - reserve_ms };

	return deadline_sooner(deadline_in(METADATA_BUDGET_MS), last);
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

	read_files(run);
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
	if (run->layers)
		layers_done(run->layers);
	free(run->aws);
	free(run->imds);
	free(run->layers);
	metadata_free(run->metadata);
	run->aws = NULL;
	run->imds = NULL;
	run->layers = NULL;
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

/*
 * No failure is a reason to leave the group waiting for the hook's timeout: of a wrong
 * configuration the name is read as well as it goes.
 */
static void keep_hook_name(struct run *run)
{
	if (run->config)
		run->hook_name = text_copy(run->config->lifecycle.hook);
	else if (!layers_value(run->layers, "lifecycle.hook", &run->hook_name))
		run->hook_name = NULL;
}

/* A launch that fails and cannot be answered is somebody's to look after. */
static void warn_of_hook(struct run *run, int result)
{
	if (result == 0 || run->hook_name || !run->is_boot || run->imds->is_disabled ||
	    loop_is_interrupted(&run->loop))
		return;
	log_write(
		&run->log, LOG_WARNING,
		"%s: config: no layer that can be read names lifecycle.hook: a hook that "
		"holds this launch waits for its own timeout, unless the configuration "
		"is mended and 'bootagent boot' run again",
		run->verb);
}

static int load_config(struct run *run, const struct userdata *userdata,
		       struct error *err)
{
	const struct config_layer layer = { "user data", userdata->data,
					    userdata->length_bytes, true };
	struct layers_request request = layers_wanted(run);
	int result;

	if (userdata->data)
		request.user_data = &layer;
	result = layers_complete(run->layers, &request, err);
	if (result == 0)
		return read_config(run, run->layers, err);
	keep_complaints(run, run->layers);
	/* Also a file that was asked for and is not there: somebody named it. */
	return err->code = -EINVAL;
}

/* The files alone are not what is wanted, but they may say what becomes of the launch. */
static int fail_without_user_data(struct run *run, struct error *err)
{
	const struct layers_request request = layers_wanted(run);
	struct error ignored;

	(void)!layers_complete(run->layers, &request, &ignored);
	/* That code would stand for a mistake in the configuration. */
	if (err->code == -EINVAL)
		err->code = -EIO;
	return error_wrap(err, "user data");
}

int config_stage(struct run *run, struct error *err)
{
	const struct userdata_place place = { run->places.run_fd, run->boot_id };
	struct userdata userdata = { 0 };
	int result =
		userdata_fetch(run->imds, &place, metadata_deadline(run), &userdata, err);

	result = result < 0 ? fail_without_user_data(run, err)
			    : load_config(run, &userdata, err);
	userdata_done(&userdata);
	keep_hook_name(run);
	warn_of_hook(run, result);
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
