/* SPDX-License-Identifier: MIT */
#ifndef RUN_RECORD_H
#define RUN_RECORD_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* A SHA-256 in digits. */
#define RECORD_KEY_BYTES 65

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
	const char
		*state; /* "done", "failed", or "interrupted": by no fault of its own */
	int64_t duration_ms;
	int exit_status;            /* -1: none */
	int signal;                 /* 0: none */
	bool is_cached;             /* its outputs were there, and it was not run */
	char key[RECORD_KEY_BYTES]; /* of its outputs; "": it has none, or not yet */
};

#endif
