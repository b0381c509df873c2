/* SPDX-License-Identifier: MIT */
#include "release/release.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "release/inuse.h"
#include "release/release_types.h"
#include "release/tree.h"
#include "run/run.h"
#include "setup/setup_types.h"

#include <errno.h>

/*
 * Old releases go at the end of a run that went well (facts R1). Good ones are counted,
 * the latest proofs first; failed ones are counted apart, so that ten bad deployments
 * push no good release out. What is to go is first written down as half-made: a run that
 * is killed meanwhile leaves nothing that would be taken for a release, and the next run
 * removes it. A directory that is in no record of ours is not ours to remove.
 */

#define FAILED_KEPT_MAX 2
/* What serves, and what is taken back to when its successor fails. */
#define GOOD_KEPT_MIN 2

struct plan {
	struct inuse *items; /* what is to go, the latest first */
	size_t count;
	size_t used_count;
};

static void plan_done(struct plan *plan)
{
	free(plan->items);
}

#define autoplan __attribute__((cleanup(plan_done)))

static bool is_needed(const struct run *run, const struct release_record *record)
{
	return text_is_equal(record->name, run->release->name) ||
		text_is_equal(record->name, run->release->current_name) ||
		text_is_equal(record->name, run->release->previous_name) ||
		(run->pin.revision && text_is_equal(record->revision, run->pin.revision));
}

static struct plan make_plan(const struct run *run)
{
	int64_t keep_count = run->config->release.keep_releases;
	int64_t good_count = 0, failed_count = 0;
	struct plan plan = { 0 };

	if (keep_count < GOOD_KEPT_MIN)
		keep_count = GOOD_KEPT_MIN;
	plan.items = memory_new(run->releases.count + 1, sizeof(*plan.items));
	for (size_t i = run->releases.count; i > 0; i--) {
		const struct release_record *record = &run->releases.items[i - 1];
		bool is_over;

		if (record->state == RELEASE_MAKING)
			continue;
		is_over = record->state >= RELEASE_ADOPTED
			? ++good_count > keep_count
			: ++failed_count > FAILED_KEPT_MAX;
		if (is_over && !is_needed(run, record))
			plan.items[plan.count++] = (struct inuse){ .name = record->name };
	}
	return plan;
}

/* Outputs of steps become more only with a new release. */
static bool has_new_outputs(const struct run *run)
{
	return run->release->is_fresh && config_has_outputs(run->config);
}

bool prune_is_needed(const struct run *run)
{
	autoplan struct plan plan = make_plan(run);

	return plan.count > 0 || has_new_outputs(run);
}

/* Takes out what processes run from. */
static int spare_used(const struct run *run, struct plan *plan, struct error *err)
{
	autofree char *releases = text_format("%s/releases", run->setup->deploy_to);
	size_t kept = 0;
	int result = inuse_find(releases, run->setup->application.uid, plan->items,
				plan->count, err);

	if (result < 0)
		return result;
	for (size_t i = 0; i < plan->count; i++)
		if (!plan->items[i].is_used)
			plan->items[kept++] = plan->items[i];
	plan->used_count = plan->count - kept;
	plan->count = kept;
	return 0;
}

/* What steps made for releases that are no more, beyond outputs.max_age and max_size. */
static int remove_outputs(struct run *run, int64_t *ret_count, struct error *err)
{
	struct json_object *request = json_new_object(), *outputs = json_new_object();
	autojson struct json_object *reply = NULL;
	int result;

	json_set_integer(outputs, "max_age_ms", run->config->outputs.max_age_ms);
	json_set_integer(outputs, "max_size_bytes", run->config->outputs.max_size_bytes);
	json_set(request, "outputs", outputs);
	result = tree_perform(run, "remove", request, &reply, err);
	if (result == 0)
		*ret_count = json_integer(reply, "removed_outputs", 0);
	return result;
}

static int mark_half_made(struct run *run, const struct plan *plan, struct error *err)
{
	for (size_t i = 0; i < plan->count; i++)
		releases_find(&run->releases, plan->items[i].name)->state =
			RELEASE_MAKING;
	return plan->count > 0 ? releases_save(run->places.state_fd, &run->releases, err)
			       : 0;
}

/*
 * The oldest first. One that cannot be removed keeps no other: the first of them is told
 * of, and it stays recorded as half-made. So do the others until outputs are gone, too:
 * what is left of them the next run knows of.
 */
static int remove_all(struct run *run, const struct plan *plan, int64_t *ret_output_count,
		      struct error *err)
{
	autofree bool *are_gone = memory_new(plan->count + 1, sizeof(*are_gone));
	struct error problem = { 0 };
	bool are_done = true;
	int result = mark_half_made(run, plan, err);

	if (result < 0)
		return result;
	for (size_t i = plan->count; i > 0 && problem.code != -ECANCELED; i--) {
		struct error each = { 0 };

		if (tree_remove_release(run, plan->items[i - 1].name, &each) == 0)
			are_gone[i - 1] = true;
		else if (!problem.code || each.code == -ECANCELED)
			problem = each;
	}
	if (config_has_outputs(run->config) && !problem.code)
		are_done = remove_outputs(run, ret_output_count, &problem) == 0;
	for (size_t i = 0; i < plan->count; i++)
		if (are_gone[i] && are_done)
			releases_remove(&run->releases, plan->items[i].name);
	if (plan->count > 0)
		result = releases_save(run->places.state_fd, &run->releases, err);
	if (result == 0 && problem.code) {
		*err = problem;
		result = problem.code;
	}
	return result;
}

int prune_stage(struct run *run, struct error *err)
{
	autoplan struct plan plan = make_plan(run);
	autofree char *outputs = NULL;
	int64_t output_count = 0;
	int result = plan.count > 0 ? spare_used(run, &plan, err) : 0;

	if (result == 0)
		result = remove_all(run, &plan, &output_count, err);
	if (result < 0)
		return result;
	if (output_count > 0)
		outputs = text_format(", and what %lld step%s made",
				      (long long)output_count,
				      output_count == 1 ? "" : "s");
	run_detail(run, "%zu removed%s%s", plan.count, outputs ? outputs : "",
		   plan.used_count > 0 ? ", others are still in use" : "");
	return 0;
}
