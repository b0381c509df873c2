/* SPDX-License-Identifier: MIT */
#include "state/verdicts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/scratch.h"

#include <errno.h>

/* A verdict once stored comes back the same; one that is unreadable was never decided. */

#define FILE_NAME "verdict.json"

static struct stored_verdict sample(void)
{
	return (struct stored_verdict){
		.instance_id = (char *)"i-1",
		.boot_id = (char *)"boot-1",
		.transition = (char *)"InService",
		.sequence = 3,
		.group = (char *)"a \"group\" \xc3\xa9",
		.hook = (char *)"hook",
		.result = (char *)"ABANDON",
		.state = VERDICT_DELIVERED,
		.decided_at_ms = INT64_C(1795499848123),
		.delivered_at_ms = INT64_C(1795499849000),
	};
}

static void no_file_is_no_verdict(void **state)
{
	const struct scratch *scratch = *state;
	struct stored_verdict verdict;
	struct error err = { 0 };

	assert_int_equal(verdict_load(scratch->fd, &verdict, &err), 0);
	assert_int_equal(verdict.state, VERDICT_NONE);
	assert_int_equal(err.code, 0);
	verdict_done(&verdict);
}

static void what_is_saved_is_loaded(void **state)
{
	const struct scratch *scratch = *state;
	const struct stored_verdict saved = sample();
	struct stored_verdict loaded;
	struct error err = { 0 };

	assert_int_equal(verdict_save(scratch->fd, &saved, &err), 0);
	assert_int_equal(verdict_load(scratch->fd, &loaded, &err), 0);
	assert_string_equal(loaded.instance_id, saved.instance_id);
	assert_string_equal(loaded.boot_id, saved.boot_id);
	assert_string_equal(loaded.transition, saved.transition);
	assert_int_equal(loaded.sequence, saved.sequence);
	assert_string_equal(loaded.group, saved.group);
	assert_string_equal(loaded.hook, saved.hook);
	assert_string_equal(loaded.result, saved.result);
	assert_int_equal(loaded.state, saved.state);
	assert_int_equal(loaded.decided_at_ms, saved.decided_at_ms);
	assert_int_equal(loaded.delivered_at_ms, saved.delivered_at_ms);
	verdict_done(&loaded);
	verdict_done(&loaded);
	assert_int_equal(scratch_count(scratch), 1);
}

static void every_state_survives(void **state)
{
	const struct scratch *scratch = *state;
	static const char *const words[] = { "none", "decided", "delivered", "expired" };

	for (int i = VERDICT_NONE; i <= VERDICT_EXPIRED; i++) {
		struct stored_verdict verdict = sample(), loaded;
		struct error err = { 0 };

		verdict.state = (enum verdict_state)i;
		assert_string_equal(verdict_state_word(verdict.state), words[i]);
		assert_int_equal(verdict_save(scratch->fd, &verdict, &err), 0);
		assert_int_equal(verdict_load(scratch->fd, &loaded, &err), 0);
		assert_int_equal(loaded.state, i);
		verdict_done(&loaded);
	}
}

static void damaged_one_is_no_verdict(void **state)
{
	static const char *const texts[] = {
		"",
		"{\"state\": \"decided\"",
		"[]",
		"{}",
		"{\"state\": \"decided\"}",
		"{\"state\": \"decided\", \"verdict\": \"continue\"}",
		"{\"state\": \"sent\", \"verdict\": \"CONTINUE\"}",
		"{\"state\": 1, \"verdict\": \"CONTINUE\"}",
		"{\"state\": \"decided\", \"verdict\": \"ABANDON\\u0000\"}",
	};
	const struct scratch *scratch = *state;

	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		struct stored_verdict verdict;
		struct error err = { 0 };

		assert_int_equal(scratch_put(scratch, FILE_NAME, texts[i],
					     strlen(texts[i])),
				 0);
		assert_int_equal(verdict_load(scratch->fd, &verdict, &err), 0);
		assert_int_equal(verdict.state, VERDICT_NONE);
		assert_int_equal(err.code, 0);
		verdict_done(&verdict);
	}
}

static void it_is_for_one_transition_of_one_boot(void **state)
{
	struct stored_verdict verdict = sample();

	(void)state;
	assert_true(verdict_is_for(&verdict, "i-1", "boot-1", "InService"));
	assert_false(verdict_is_for(&verdict, "i-2", "boot-1", "InService"));
	assert_false(verdict_is_for(&verdict, "i-1", "boot-2", "InService"));
	assert_false(verdict_is_for(&verdict, "i-1", "boot-1", "Warmed:Running"));
	verdict.state = VERDICT_NONE;
	assert_false(verdict_is_for(&verdict, "i-1", "boot-1", "InService"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(no_file_is_no_verdict),
		scratch_test(what_is_saved_is_loaded),
		scratch_test(every_state_survives),
		scratch_test(damaged_one_is_no_verdict),
		cmocka_unit_test(it_is_for_one_transition_of_one_boot),
	};

	return cmocka_run_group_tests_name("state_verdicts", tests, NULL, NULL);
}
