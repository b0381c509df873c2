/* SPDX-License-Identifier: MIT */
#ifndef RUN_RECORD_H
#define RUN_RECORD_H

#include "base/error.h"

#include <stdint.h>

/* One entry of last_run.stages. */
struct stage_record {
	const char *name;
	const char *state; /* "done", "skipped" or "failed" */
	int64_t duration_ms;
	struct error error;
};

/* One entry of last_run.steps. */
struct step_record {
	const char *name; /* the configuration's */
	const char *state;
	int64_t duration_ms;
	int exit_status; /* -1: none */
	int signal;      /* 0: none */
};

#endif
