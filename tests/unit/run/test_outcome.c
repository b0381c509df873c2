/* SPDX-License-Identifier: MIT */
#include "run/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/text.h"

/* The table of the design, "What follows from what", written out once more. */

static const struct {
	enum ending ending;
	struct outcome outcome;
} table[] = {
	{ ENDING_DONE, { 0, "done", SERVING_TRUE, GATE_OPEN, LAUNCH_VERDICT_CONTINUE } },
	{ ENDING_NOTHING_TO_DO,
	  { 0, "nothing-to-do", SERVING_TRUE, GATE_OPEN, LAUNCH_VERDICT_CONTINUE } },
	{ ENDING_PREVIOUS_SERVES,
	  { 5, "previous-serves", SERVING_TRUE, GATE_OPEN, LAUNCH_VERDICT_ABANDON } },
	{ ENDING_BAKED_SERVES,
	  { 0, "previous-serves", SERVING_TRUE, GATE_OPEN, LAUNCH_VERDICT_CONTINUE } },
	{ ENDING_REFUSED,
	  { 6, "refused", SERVING_TRUE, GATE_OPEN, LAUNCH_VERDICT_ABANDON } },
	{ ENDING_FAILED,
	  { 1, "failed", SERVING_FALSE, GATE_OPEN_IF_GOOD, LAUNCH_VERDICT_ABANDON } },
	{ ENDING_CONFIG,
	  { 2, "failed", SERVING_UNCHANGED, GATE_CLOSED_AT_BOOT,
	    LAUNCH_VERDICT_ABANDON } },
	{ ENDING_INTERRUPTED,
	  { 4, "interrupted", SERVING_UNCHANGED, GATE_UNCHANGED, LAUNCH_VERDICT_NONE } },
	{ ENDING_INTERRUPTED_AFTER_FLIP,
	  { 4, "interrupted", SERVING_FALSE, GATE_UNCHANGED, LAUNCH_VERDICT_NONE } },
	{ ENDING_UNCONFIGURED,
	  { 0, "unconfigured", SERVING_FALSE, GATE_CLOSED, LAUNCH_VERDICT_NONE } },
};

static void every_ending_has_its_row(void **state)
{
	(void)state;
	assert_int_equal(ARRAY_COUNT(table), ENDING_COUNT);
	for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
		const struct outcome *found = outcome_of(table[i].ending);

		assert_int_equal(table[i].ending, i);
		assert_int_equal(found->exit_code, table[i].outcome.exit_code);
		assert_string_equal(found->result, table[i].outcome.result);
		assert_int_equal(found->serving, table[i].outcome.serving);
		assert_int_equal(found->gate, table[i].outcome.gate);
		assert_int_equal(found->verdict, table[i].outcome.verdict);
	}
}

/* What no new row may break, whatever it says. */
static void rows_do_not_contradict_themselves(void **state)
{
	(void)state;
	for (int i = 0; i < ENDING_COUNT; i++) {
		const struct outcome *row = outcome_of((enum ending)i);

		/* a healthy host is never abandoned, a broken one never let in */
		if (row->verdict == LAUNCH_VERDICT_CONTINUE) {
			assert_int_equal(row->serving, SERVING_TRUE);
			assert_int_equal(row->exit_code, EXIT_DONE);
		}
		/* a shutdown decides nothing */
		if (row->exit_code == EXIT_INTERRUPTED)
			assert_int_equal(row->verdict, LAUNCH_VERDICT_NONE);
		if (row->gate == GATE_CLOSED)
			assert_int_not_equal(row->serving, SERVING_TRUE);
		if (row->exit_code == EXIT_FAILED)
			assert_int_equal(row->serving, SERVING_FALSE);
	}
}

static void verdicts_are_spelt_as_aws_does(void **state)
{
	(void)state;
	assert_null(outcome_verdict_word(LAUNCH_VERDICT_NONE));
	assert_string_equal(outcome_verdict_word(LAUNCH_VERDICT_CONTINUE), "CONTINUE");
	assert_string_equal(outcome_verdict_word(LAUNCH_VERDICT_ABANDON), "ABANDON");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_ending_has_its_row),
		cmocka_unit_test(rows_do_not_contradict_themselves),
		cmocka_unit_test(verdicts_are_spelt_as_aws_does),
	};

	return cmocka_run_group_tests_name("run_outcome", tests, NULL, NULL);
}
