/* SPDX-License-Identifier: MIT */
#include "run/outcome.h"

#include <assert.h>
#include <stddef.h>

/*
 * What follows from what: the table of the design, as data. The pipeline decides how a
 * run ended; everything that depends on it is read here and nowhere else.
 */

static const struct outcome outcomes[ENDING_COUNT] = {
	[ENDING_DONE] = {
		.exit_code = EXIT_DONE,
		.result = "done",
		.serving = SERVING_TRUE,
		.gate = GATE_OPEN,
		.verdict = LAUNCH_VERDICT_CONTINUE,
	},
	[ENDING_NOTHING_TO_DO] = {
		.exit_code = EXIT_DONE,
		.result = "nothing-to-do",
		.serving = SERVING_TRUE,
		.gate = GATE_OPEN,
		.verdict = LAUNCH_VERDICT_CONTINUE,
	},
	[ENDING_PREVIOUS_SERVES] = {
		.exit_code = EXIT_PREVIOUS_SERVES,
		.result = "previous-serves",
		.serving = SERVING_TRUE,
		.gate = GATE_OPEN,
		.verdict = LAUNCH_VERDICT_ABANDON,
	},
	[ENDING_BAKED_SERVES] = {
		.exit_code = EXIT_DONE,
		.result = "previous-serves",
		.serving = SERVING_TRUE,
		.gate = GATE_OPEN,
		.verdict = LAUNCH_VERDICT_CONTINUE,
	},
	[ENDING_REFUSED] = {
		.exit_code = EXIT_REFUSED,
		.result = "refused",
		.serving = SERVING_TRUE,
		.gate = GATE_OPEN,
		.verdict = LAUNCH_VERDICT_ABANDON,
	},
	[ENDING_FAILED] = {
		.exit_code = EXIT_FAILED,
		.result = "failed",
		.serving = SERVING_FALSE,
		.gate = GATE_OPEN_IF_GOOD,
		.verdict = LAUNCH_VERDICT_ABANDON,
	},
	[ENDING_CONFIG] = {
		.exit_code = EXIT_USAGE,
		.result = "failed",
		.serving = SERVING_UNCHANGED,
		.gate = GATE_CLOSED_AT_BOOT,
		.verdict = LAUNCH_VERDICT_ABANDON,
	},
	[ENDING_INTERRUPTED] = {
		.exit_code = EXIT_INTERRUPTED,
		.result = "interrupted",
		.serving = SERVING_UNCHANGED,
		.gate = GATE_UNCHANGED,
		.verdict = LAUNCH_VERDICT_NONE,
	},
	[ENDING_INTERRUPTED_AFTER_FLIP] = {
		.exit_code = EXIT_INTERRUPTED,
		.result = "interrupted",
		.serving = SERVING_FALSE,
		.gate = GATE_UNCHANGED,
		.verdict = LAUNCH_VERDICT_NONE,
	},
	[ENDING_UNCONFIGURED] = {
		.exit_code = EXIT_DONE,
		.result = "unconfigured",
		.serving = SERVING_FALSE,
		.gate = GATE_CLOSED,
		.verdict = LAUNCH_VERDICT_NONE,
	},
};

const struct outcome *outcome_of(enum ending ending)
{
	assert(ending < ENDING_COUNT);
	return &outcomes[ending];
}

const char *outcome_verdict_word(enum outcome_verdict verdict)
{
	static const char *const words[] = {
		[LAUNCH_VERDICT_NONE] = NULL,
		[LAUNCH_VERDICT_CONTINUE] = "CONTINUE",
		[LAUNCH_VERDICT_ABANDON] = "ABANDON",
	};

	return words[verdict];
}
