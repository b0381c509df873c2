/* SPDX-License-Identifier: MIT */
#ifndef RUN_STATUS_H
#define RUN_STATUS_H

#include <stdbool.h>

struct error;
struct json_object;
struct outcome;
struct run;
struct stage_record;
struct stored_verdict;

/* A status document with every key and nothing known. The caller puts it. */
struct json_object *status_new(void) __attribute__((returns_nonnull));

/* The members that stages find out, set in run->status. */
void status_set_instance(struct run *run);
void status_set_wanted(struct run *run, const char *revision);
void status_set_pinned(struct run *run);
void status_set_running(struct run *run);
void status_set_lifecycle(struct run *run, const char *state);
void status_set_verdict(struct run *run, const struct stored_verdict *verdict);

/* What serves. release NULL: nothing is known to; up_to_date as the last run found it. */
struct status_serving {
	bool is_ready;
	const char *release;
	const char *revision;
	bool is_up_to_date;
	const char *reason; /* NULL: it serves */
};
void status_set_serving(struct run *run, const struct status_serving *serving);

/* What served still serves, but is not what is wanted, and why. */
void status_set_stale(struct run *run, const char *reason);

/* serving unknown: a run was interrupted after it moved `current`. */
void status_set_serving_unknown(struct run *run, const char *reason);

/* last_run, and run back to idle. cause and failed: NULL if nothing failed. */
void status_set_ended(struct run *run, const struct outcome *outcome, const char *cause,
		      const struct stage_record *failed);

/* Whether the document has this schema and every section that the setters write into. */
bool status_is_whole(const struct json_object *status);

/* Whether the document says that something serves. */
bool status_is_ready(const struct json_object *status);

/* The exit status of last_run if it has that id; -1: it has not. */
int status_exit_code_of(const struct json_object *status, const char *run_id);

/* Whether a hook was found open and its verdict is not delivered yet. */
bool status_has_open_hook(const struct json_object *status);

/* Writes run.json. */
int status_publish(struct run *run, struct error *err)
	__attribute__((warn_unused_result));

#endif
