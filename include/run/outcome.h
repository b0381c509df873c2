/* SPDX-License-Identifier: MIT */
#ifndef RUN_OUTCOME_H
#define RUN_OUTCOME_H

#include "run/exit.h"

/* How a run ended. Each has one row in the table of outcomes. */
enum ending {
	ENDING_DONE,            /* a new revision is proven */
	ENDING_NOTHING_TO_DO,   /* the wanted one was served, and its probe passed */
	ENDING_PREVIOUS_SERVES, /* failed; the previous release serves, proven */
	ENDING_BAKED_SERVES, /* git was unreachable; a good release serves, as allowed */
	ENDING_REFUSED,      /* not tried; a good release serves */
	ENDING_FAILED,       /* failed; nothing good serves */
	ENDING_CONFIG,       /* the configuration is wrong */
	ENDING_INTERRUPTED,  /* by a signal, before `current` moved */
	ENDING_INTERRUPTED_AFTER_FLIP,
	ENDING_UNCONFIGURED, /* there is no configuration */
	ENDING_COUNT,
};

enum outcome_serving {
	SERVING_UNCHANGED,
	SERVING_TRUE,
	SERVING_FALSE
};
enum outcome_gate {
	GATE_UNCHANGED,
	GATE_OPEN,
	GATE_OPEN_IF_GOOD, /* if `current` is a good release */
	GATE_CLOSED,
	GATE_CLOSED_AT_BOOT,
};
enum outcome_verdict {
	LAUNCH_VERDICT_NONE,
	LAUNCH_VERDICT_CONTINUE,
	LAUNCH_VERDICT_ABANDON
};

/* What follows from an ending. */
struct outcome {
	enum exit_code exit_code;
	const char *result; /* of last_run in the status */
	enum outcome_serving serving;
	enum outcome_gate gate;
	enum outcome_verdict verdict; /* of a launch, by the default policy */
};

/* The row of the table; borrowed for ever. */
const struct outcome *outcome_of(enum ending ending);

/* "CONTINUE" or "ABANDON" as the Auto Scaling API spells it; NULL for none. */
const char *outcome_verdict_word(enum outcome_verdict verdict);

#endif
