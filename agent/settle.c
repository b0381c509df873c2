/* SPDX-License-Identifier: MIT */
#include "settle.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "release/release_types.h"
#include "run/report.h"
#include "run/run.h"
#include "run/status.h"
#include "state/gate.h"

#include <string.h>

/*
 * What follows from how a run ended: one row of the table of outcomes, carried out. The
 * findings (does something serve, is the gate open) are published before the verdict is
 * waited for, the end of the run after it.
 */

#define OUTPUT_LINES_MAX 50

static void publish(struct run *run)
{
	struct error err;

	if (status_publish(run, &err) < 0)
		log_write(&run->log, LOG_ERR, "%s: %s", run->verb, err.text);
}

/*
 * A run that failed early knows nothing of `current`; what the gate was opened for says.
 */
static bool is_current_good(const struct run *run)
{
	const struct release_record *record;
	autofree char *revision = NULL;

	if (run->release && run->release->current_name) {
		record = releases_find(&run->releases, run->release->current_name);
		return record && record->state == RELEASE_GOOD;
	}
	revision = gate_revision(run->places.run_fd, run->boot_id);
	record = revision ? releases_find_revision(&run->releases, revision) : NULL;
	return record && record->state == RELEASE_GOOD;
}

static void set_gate(struct run *run, enum outcome_gate gate)
{
	struct error err;
	bool must_close = gate == GATE_CLOSED ||
		(gate == GATE_CLOSED_AT_BOOT && run->is_boot) ||
		(gate == GATE_OPEN_IF_GOOD && !is_current_good(run));

	/* Open it is already: ACTIVATE opened it, in this run or in an earlier one. */
	if (must_close && gate_close(run->places.run_fd, &err) < 0)
		log_write(&run->log, LOG_ERR, "%s: %s", run->verb, err.text);
}

static void set_proven(struct run *run, const struct settlement *settlement)
{
	bool is_wanted = settlement->ending != ENDING_PREVIOUS_SERVES;
	const struct status_serving serving = {
		.is_ready = true,
		.release = run->release->name,
		.revision = run->release->revision,
		.is_up_to_date = is_wanted,
		.reason = is_wanted ? NULL : settlement->failed->error.text,
	};

	status_set_serving(run, &serving);
}

static void set_serving(struct run *run, const struct settlement *settlement)
{
	const char *reason =
		settlement->failed ? settlement->failed->error.text : run->detail;
	const struct status_serving nothing = { .reason = reason };

	switch (run->outcome->serving) {
	case SERVING_UNCHANGED:
		return;
	case SERVING_TRUE:
		/* Served all along, and not taken back to: known from before this run. */
		if (settlement->failed && !run->is_taking_back)
			status_set_stale(run, reason);
		else
			set_proven(run, settlement);
		return;
	case SERVING_FALSE:
		if (settlement->ending == ENDING_INTERRUPTED_AFTER_FLIP)
			status_set_serving_unknown(run, reason);
		else
			status_set_serving(run, &nothing);
		return;
	}
}

void settle_findings(struct run *run, const struct settlement *settlement)
{
	run->outcome = outcome_of(settlement->ending);
	set_serving(run, settlement);
	set_gate(run, run->outcome->gate);
	publish(run);
}

/* The end of a failed step's output, for the log: root's eyes, never the status. */
static void log_step_output(const struct run *run)
{
	const char *text = run->step_output, *start;
	int lines = 0;

	if (!text || !*text)
		return;
	for (start = text + strlen(text); start > text && lines <= OUTPUT_LINES_MAX;
	     start--)
		lines += start[-1] == '\n';
	while (*start) {
		size_t length = strcspn(start, "\n");

		if (length > 0)
			log_write(&run->log, LOG_ERR, "| %.*s", (int)length, start);
		start += length + (start[length] == '\n');
	}
}

int settle_run(struct run *run, const struct settlement *settlement)
{
	/* Not run->outcome: an interrupt may have come while the verdict waited. */
	const struct outcome *outcome = outcome_of(settlement->ending);
	const char *what = run->release ? run->release->revision : NULL;
	autofree char *detail = NULL;

	if (settlement->failed) {
		log_step_output(run);
		log_write(&run->log, LOG_ERR, "%s: %s: %s", run->verb,
			  settlement->failed->name, settlement->failed->error.text);
	}
	if (run->is_boot)
		run->notes.has_booted = outcome->exit_code == EXIT_DONE &&
			settlement->ending != ENDING_UNCONFIGURED;
	status_set_ended(run, outcome, settlement->cause, settlement->failed);
	publish(run);
	if (outcome->serving == SERVING_TRUE && what)
		detail = text_format("%.12s serves", what);
	report_summary(&run->report, run->verb, outcome->result,
		       clock_monotonic_ms() - run->begun_ms, detail);
	return (int)outcome->exit_code;
}
