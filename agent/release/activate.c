/* SPDX-License-Identifier: MIT */
#include "release/release.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "metadata/metadata.h"
#include "release/release_types.h"
#include "release/tree.h"
#include "run/run.h"
#include "run/status.h"
#include "source/source_types.h"
#include "state/gate.h"

#include <stdlib.h>
#include <unistd.h>

/*
 * The moment of truth and its record. Before `current` moves, run.json says that it is
 * about to, so that whoever finds us killed does not believe the old answer; the gate
 * opens once the link is right, whoever set it.
 */

static int move_link(struct run *run, struct error *err)
{
	struct release *release = run->release;
	struct json_object *request = json_new_object();
	int result;

	json_set_string(request, "release", release->name);
	json_set_string(request, "revision", release->revision);
	run->notes.is_unproven = true;
	result = status_publish(run, err);
	if (result < 0) {
		(void)json_object_put(request);
		return result;
	}
	/* A worker that fails may have moved it: unless it says so, nobody knows. */
	free(TAKE(release->current_name));
	release->is_current = false;
	result = tree_perform(run, "activate", request, NULL, err);
	if (result < 0)
		return result;
	release->current_name = text_copy(release->name);
	release->is_current = true;
	return 0;
}

/*
 * Whether what serves goes on as it is: nothing new was found, and this is no boot whose
 * steps start everything anew.
 */
static bool is_untouched(const struct run *run)
{
	return run->release->is_served &&
		((!run->is_boot && !run->is_taking_back) ||
		 !config_has_steps(run->config, STEP_AFTER_PUBLISH));
}

/*
 * From here on what is started is new. READY tells that by the kernel's ticks where it
 * looks at processes (readiness.unit): the one that has begun is let pass.
 */
static int note_time(struct run *run, struct error *err)
{
	run->release->activated_ms = clock_boottime_ms();
	if (!run->config->readiness.unit)
		return 0;
	return loop_pause(&run->loop, 1000 / sysconf(_SC_CLK_TCK) + 1, err);
}

int activate_stage(struct run *run, struct error *err)
{
	struct release *release = run->release;
	bool must_stay = is_untouched(run);
	int result;

	run_detail(run, "current is %s%s", release->name,
		   release->is_current ? " already" : "");
	/* A link that no run has proven may not be on the disk: the worker sees to it. */
	if (!release->is_served) {
		result = move_link(run, err);
		if (result < 0)
			return result;
	}
	release->activated_ms = 0;
	result = gate_open(run->places.run_fd, run->boot_id, release->revision, err);
	return result < 0 || must_stay ? result : note_time(run, err);
}

static bool is_recorded(const struct run *run, const struct release_record *record)
{
	return record == releases_last_good(&run->releases, NULL) &&
		record->state == RELEASE_GOOD && !record->is_left &&
		!failures_has(&run->releases.failures, record->revision) &&
		text_is_equal(record->instance_id, run->metadata->instance_id) &&
		text_is_equal(record->boot_id, run->boot_id);
}

/* Capistrano's wording, so that `cap` and people find their way. */
static int log_revision(struct run *run, struct error *err)
{
	struct json_object *request = json_new_object();
	autofree char *line = NULL;

	if (run->source)
		line = text_format(
			"Branch %s (at %s) deployed as release %s by bootagent",
			run->source->name, run->release->revision, run->release->name);
	else
		line = text_format("%s rolled back to release %s", run->pin.by,
				   run->release->name);
	json_set_string(request, "line", line);
	return tree_perform(run, "record", request, NULL, err);
}

/* The target's record; a release that was taken back to may be nobody's of ours. */
static struct release_record *find_or_adopt(struct run *run)
{
	const struct release *release = run->release;
	struct release_record *record = releases_find(&run->releases, release->name);

	return record ? record
		      : releases_add(&run->releases, release->name, release->revision);
}

static int save_good(struct run *run, struct error *err)
{
	struct release_record *record =
		releases_move_last(&run->releases, run->release->name);

	release_record_set(record, RELEASE_GOOD, run->metadata->instance_id,
			   run->boot_id);
	record->is_left = false;
	(void)failures_forget(&run->releases.failures, record->revision);
	return releases_save(run->places.state_fd, &run->releases, err);
}

int record_stage(struct run *run, struct error *err)
{
	const struct release_record *record = find_or_adopt(run);
	const struct status_serving serving = {
		.is_ready = true,
		.release = record->name,
		.revision = record->revision,
		.is_up_to_date = !run->is_taking_back,
	};
	bool is_back = !run->source && !run->release->is_served;
	bool is_new = (record->state != RELEASE_GOOD || is_back) && !run->is_taking_back;
	struct error unlogged = { 0 };
	int result;

	run->notes.is_unproven = false;
	status_set_serving(run, &serving);
	if (is_recorded(run, record)) {
		run_detail(run, "known as good");
		return 0;
	}
	result = save_good(run, err);
	if (result < 0)
		return result;
	run_detail(run, "%s is good", run->release->name);
	/* The line is for people: a release that is proven serves without it, too. */
	if (is_new && log_revision(run, &unlogged) < 0)
		run_detail(run, "%s is good, not logged: %s", run->release->name,
			   unlogged.text);
	return 0;
}
