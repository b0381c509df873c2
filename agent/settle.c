/* SPDX-License-Identifier: MIT */
#include "settle.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/complaints.h"
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

/* Or not known to be anything else: a run that failed early changes nothing. */
static bool is_current_good(const struct run *run)
{
	const struct release_record *record;
	autofree char *revision = NULL;

	if (!run->releases.is_loaded)
		return true;
	if (run->release && run->release->current_name) {
		record = releases_find(&run->releases, run->release->current_name);
		return record && record->state == RELEASE_GOOD;
	}
	/* Not looked at yet: what the gate was opened for says it. */
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
	bool is_wanted = settlement->failed == NULL;
	const struct status_serving serving = {
		.is_ready = true,
		.release = run->release->name,
		.revision = run->release->revision,
		.is_up_to_date = is_wanted,
		.reason = is_wanted ? NULL : settlement->failed->error.text,
	};

	status_set_serving(run, &serving);
}

/* A rollback that finds nothing to go back to says nothing of what is wanted. */
static bool is_wanted_in_doubt(const struct run *run)
{
	return strcmp(run->verb, "rollback") != 0 || (run->release && run->release->name);
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
		if (!settlement->failed || run->is_taking_back)
			set_proven(run, settlement);
		else if (is_wanted_in_doubt(run))
			status_set_stale(run, reason);
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

void settle_log_output(struct run *run)
{
	autofree char *text = TAKE(run->step_output);
	char *start, *rest;
	int lines = 0;

	if (!text)
		return;
	for (start = text + strlen(text); start > text && lines <= OUTPUT_LINES_MAX;
	     start--)
		lines += start[-1] == '\n';
	rest = start;
	while ((start = strsep(&rest, "\n"))) {
		/* Anybody's bytes: nothing in a log moves a terminal's cursor. */
		text_make_printable(start);
		if (*start)
			log_write(&run->log, LOG_ERR, "| %s", start);
	}
}

/* All that is wrong with the configuration, once; of one alone the last line tells. */
static void log_complaints(struct run *run)
{
	size_t count = run->complaints ? complaints_line_count(run->complaints) : 0;

	for (size_t i = 0; count > 1 && i < count; i++) {
		autofree char *line = complaints_line(run->complaints, i);

		log_write(&run->log, LOG_ERR, "%s", line);
	}
	if (run->complaints)
		complaints_done(run->complaints);
}

void settle_log_failure(struct run *run, const struct stage_record *failed)
{
	settle_log_output(run);
	log_complaints(run);
	log_write(&run->log, LOG_ERR, "%s: %s: %s", run->verb, failed->name,
		  failed->error.text);
}

/* What is said last: what serves, or what it failed at. */
static char *describe_end(const struct run *run, const struct settlement *settlement)
{
	const struct json_object *serving =
		json_member(run->status, "serving", json_type_object);
	const char *revision = json_string(serving, "revision");

	if (outcome_of(settlement->ending)->serving == SERVING_TRUE && revision)
		return text_format("%.12s serves", revision);
	if (settlement->failed)
		return text_format("at %s", settlement->failed->name);
	return settlement->ending == ENDING_UNCONFIGURED
		? text_copy("there is no configuration")
		: NULL;
}

int settle_run(struct run *run, const struct settlement *settlement)
{
	/* Not run->outcome: an interrupt may have come while the verdict waited. */
	const struct outcome *outcome = outcome_of(settlement->ending);
	autofree char *detail = describe_end(run, settlement);

	if (run->is_boot)
		run->notes.has_booted = outcome->exit_code == EXIT_DONE &&
			settlement->ending != ENDING_UNCONFIGURED;
	status_set_ended(run, outcome, settlement->cause, settlement->failed);
	publish(run);
	report_summary(&run->report, run->verb, outcome->result,
		       clock_monotonic_ms() - run->begun_ms, detail);
	return (int)outcome->exit_code;
}
