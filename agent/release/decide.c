/* SPDX-License-Identifier: MIT */
#include "release/decide.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/digest.h"
#include "config/layers.h"
#include "metadata/metadata.h"
#include "release/release.h"
#include "release/release_types.h"
#include "run/options.h"
#include "run/run.h"
#include "source/source_types.h"

#include <errno.h>
#include <string.h>

/*
 * Whether the wanted revision is worth a try. A revision that was taken back would be
 * deployed, and taken back, by every sync from then on (facts R3); one whose fault it may
 * not have been (facts R12) would run its steps each time. Both are refused before
 * anything is made. A boot does not wait for a later try: it comes once, and after
 * whatever was in the way has had the time of a reboot.
 */

static struct failure_key make_key(const struct run *run, const char *revision,
				   char digest[static CONFIG_DIGEST_BYTES])
{
	config_digest(run->layers->effective, digest);
	return (struct failure_key){
		.revision = revision,
		.digest = digest,
		.instance_id = run->metadata->instance_id,
		.boot_id = run->boot_id,
	};
}

static const struct failure *find(const struct run *run, const char *revision)
{
	char digest[CONFIG_DIGEST_BYTES];
	const struct failure_key key = make_key(run, revision, digest);

	return failures_find(&run->releases.failures, &key, clock_realtime_ms());
}

bool decide_is_bad(const struct run *run, const char *revision)
{
	const struct failure *failure = find(run, revision);

	return failure && failure->is_bad;
}

/* What stands against the wanted revision. */
static const struct failure *find_wanted(const struct run *run)
{
	const struct failure *failure = find(run, run->source->revision);

	return failure && run->is_boot && !failure->is_bad ? NULL : failure;
}

bool decide_is_needed(const struct run *run)
{
	return find_wanted(run) != NULL;
}

/* Once it is a person's wish, a run that is killed is gone on with by the next sync. */
static int forget(struct run *run, struct error *err)
{
	run_detail(run, "%.12s is tried again", run->source->revision);
	(void)failures_forget(&run->releases.failures, run->source->revision);
	return releases_save(run->places.state_fd, &run->releases, err);
}

/* Also by somebody else (cap, say): RELEASE adopts it then, and READY proves it. */
static bool is_current(const struct run *run)
{
	const struct release *release = run->release;
	const struct release_record *record;

	if (!text_is_equal(release->previous_revision, run->source->revision))
		return false;
	record = releases_find(&run->releases, release->previous_name);
	return !record || record->state >= RELEASE_ADOPTED;
}

static int refuse(struct run *run, const struct failure *failure, struct error *err)
{
	char at[CLOCK_TEXT_BYTES], until[CLOCK_TEXT_BYTES];
	autofree char *count = NULL;

	clock_format_utc(failure->at_ms, at);
	clock_format_utc(failure->until_ms, until);
	run->release->is_refused = true;
	run->release->refused_cause = failure->cause;
	if (failure->is_bad)
		return error_set(
			err, EPERM,
			"%.12s did not prove itself at %.19sZ (%s), and the release "
			"before it did: it is not tried again before %.19sZ; push a fix, "
			"or 'bootagent sync --force'",
			failure->revision, at, failure->reason, until);
	if (failure->count > 1)
		count = text_format(" %lld times in a row, last",
				    (long long)failure->count);
	return error_set(
		err, EPERM,
		"%.12s failed%s at %.19sZ (%s), which may not be its fault: it is tried "
		"again after %.19sZ, or at once by 'bootagent sync --force'",
		failure->revision, count ? count : "", at, failure->reason, until);
}

int decide_stage(struct run *run, struct error *err)
{
	const struct failure *failure = find_wanted(run);
	int result;

	if (run->options->has_force)
		return forget(run, err);
	/* Its time has come since the stage was found to be needed. */
	if (!failure)
		return 0;
	run->release = memory_new(1, sizeof(*run->release));
	result = release_find_current(run, err);
	if (result < 0)
		return result;
	if (!is_current(run) && release_has_other(run))
		return refuse(run, failure, err);
	run_detail(run, "%.12s is %s", failure->revision,
		   is_current(run) ? "current all the same" : "all there is");
	release_stage_done(run);
	return 0;
}

struct decide_failure decide_failure_of(const struct run *run, const char *stage_cause,
					const char *cause)
{
	const char *const own[] = { "step", "service", "probe", NULL };
	size_t i = 0;

	while (own[i] && strcmp(own[i], stage_cause) != 0)
		i++;
	if (!own[i] || !run->release || run->release->is_served)
		return (struct decide_failure){ 0 };
	return (struct decide_failure){
		.revision = text_copy(run->release->revision),
		.cause = cause,
		.reason = run->stages[run->stage_count - 1].error.text,
	};
}

void decide_failure_done(struct decide_failure *failure)
{
	free(failure->revision);
}

/*
 * Without the time that it was promised nothing is proven; and if it is the same revision
 * that passed, in another release (--force), the fault is not in it.
 */
static bool is_bad(const struct run *run, const struct decide_failure *failure)
{
	return strcmp(failure->cause, "deadline") != 0 &&
		!text_is_equal(failure->revision, run->release->revision);
}

static int remember(struct run *run, const struct decide_failure *failure,
		    bool has_other_passed, struct error *err)
{
	const struct failure_finding finding = {
		.cause = failure->cause,
		.reason = failure->reason,
		.at_ms = clock_realtime_ms(),
		.is_bad = has_other_passed && is_bad(run, failure),
	};
	char digest[CONFIG_DIGEST_BYTES];
	const struct failure_key key = make_key(run, failure->revision, digest);

	failures_add(&run->releases.failures, &key, &finding);
	return releases_save(run->places.state_fd, &run->releases, err);
}

void decide_remember(struct run *run, const struct decide_failure *failure,
		     bool has_other_passed)
{
	struct error err;

	if (failure->revision && remember(run, failure, has_other_passed, &err) < 0)
		log_write(&run->log, LOG_ERR,
			  "%s: that %.12s failed is not remembered: %s", run->verb,
			  failure->revision, err.text);
}
