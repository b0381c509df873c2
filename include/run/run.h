/* SPDX-License-Identifier: MIT */
#ifndef RUN_RUN_H
#define RUN_RUN_H

#include "base/clock.h"
#include "base/error.h"
#include "loop/loop.h"
#include "net/retry.h"
#include "run/log.h"
#include "run/outcome.h"
#include "run/record.h"
#include "run/report.h"
#include "state/pins.h"
#include "state/places.h"
#include "state/releases.h"
#include "state/runfile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aws;
struct complaints;
struct config;
struct hook;
struct http;
struct imds;
struct json_object;
struct layers;
struct metadata;
struct options;
struct release;
struct secrets;
struct setup;
struct source;
struct worker_task;

#define RUN_ID_BYTES 32
#define RUN_STAGES_MAX 40
#define RUN_DETAIL_MAX_BYTES 160

/*
 * One run of a verb: what all stages share, and one result a stage. A stage reads earlier
 * ones' results and writes its own; whoever made a result frees it (pipeline.c).
 */
struct run {
	const struct options *options;
	const char *verb;
	bool is_boot, is_taking_back;
	struct log log;
	struct report report;
	struct loop loop;
	/* Of what runs now; with the time kept for taking back. */
	struct deadline deadline, final_deadline;
	struct places places;
	int lock_fd;
	char run_id[RUN_ID_BYTES];
	char joined_run_id[RUN_ID_BYTES]; /* of the boot that was waited for, or "" */
	char boot_id[BOOT_ID_BYTES];
	int64_t started_at_ms, begun_ms; /* wall clock; monotonic */

	struct http *http;
	struct imds *imds;
	struct aws *aws;
	struct releases releases;
	struct pin pin;
	struct json_object *status; /* the document that `bootagent status` prints */

	struct metadata *metadata;
	struct layers *layers; /* the configuration's files; CONFIG completes them */
	char *hook_name;       /* read even from a wrong configuration; NULL: none */
	struct config *config;
	struct complaints *complaints; /* about the configuration; NULL: none */
	struct hook *hook;
	struct setup *setup;
	struct secrets *secrets;
	struct source *source;
	struct release *release;

	const struct outcome *outcome;     /* decided before VERDICT; NULL until then */
	const char *stage;                 /* the one that runs */
	char detail[RUN_DETAIL_MAX_BYTES]; /* what that has to say of itself */
	struct stage_record stages[RUN_STAGES_MAX];
	size_t stage_count;
	struct step_record *steps;
	size_t step_count;
	char *step_output; /* the last of what a step wrote, secrets blanked */
	struct runfile_notes notes;
	char *mirror_damage; /* why it is made anew, once a run; NULL: it is not */
};

/* Makes everything a run needs before its first stage; the lock is not taken yet. */
int run_init(struct run *run, const struct options *options, const char *verb,
	     struct error *err) __attribute__((warn_unused_result));
void run_done(struct run *run);

/* Takes the lock; with `waits`, once it is free. -EWOULDBLOCK: another run has it. */
int run_lock(struct run *run, bool waits, struct error *err)
	__attribute__((warn_unused_result));

/* Logs a sentence of the running stage, which goes on; sets its detail. */
void run_warn(const struct run *run, const char *text);
void run_detail(struct run *run, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Logs what is waited for, and shows it in the running stage's live line. */
struct retry_listener run_listener(struct run *run);

/* Has a helper do something within the run's deadline; as worker_perform(). */
int run_worker(struct run *run, const struct worker_task *task,
	       struct json_object **ret_result, struct error *err)
	__attribute__((warn_unused_result));

/* Adds the record of a stage, skipped until told otherwise; borrowed as long as run. */
struct stage_record *run_add_stage(struct run *run, const char *name);

/* Adds a record; borrowed until the next one is added. */
struct step_record *run_add_step(struct run *run, const char *name);

#endif
