/* SPDX-License-Identifier: MIT */
#include "net/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "loop/loop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * When to try again, and when it makes no sense any more. The pause itself is written
 * down here instead of waited for: linked first, this loop_pause() takes the other's
 * place.
 */

static int64_t paused_ms;
static int pause_result;

int loop_pause(struct loop *loop, int64_t duration_ms, struct error *err)
{
	assert_null(loop);
	paused_ms = duration_ms;
	if (pause_result < 0)
		return error_set(err, pause_result, "interrupted by SIGTERM");
	return 0;
}

static int setup(void **state)
{
	(void)state;
	paused_ms = -1;
	pause_result = 0;
	return 0;
}

static const struct retry_rule rules[] = {
	{ -EACCES, RETRY_PERMANENT },
	{ -EBUSY, RETRY_THROTTLED },
	{ 0, RETRY_TRANSIENT },
};
static const struct retry_hint no_hint;

static struct retry begin(int64_t first_ms, int64_t cap_ms, int64_t budget_ms)
{
	const struct retry_plan plan = { .rules = rules,
					 .what = "it",
					 .first_ms = first_ms,
					 .cap_ms = cap_ms,
					 .deadline = deadline_in(budget_ms) };
	struct retry retry;

	retry_init(&retry, &plan);
	return retry;
}

static int64_t next_ms(struct retry *retry, int code, int64_t retry_after_ms)
{
	const struct retry_hint hint = { .retry_after_ms = retry_after_ms };
	struct error err = { code, "the last failure" };
	int64_t delay_ms = -1;

	assert_int_equal(retry_next(retry, &hint, &delay_ms, &err), 0);
	assert_string_equal(err.text, "the last failure");
	return delay_ms;
}

static void classes_come_from_the_table(void **state)
{
	(void)state;
	assert_int_equal(retry_class_of(rules, 0), RETRY_DONE);
	assert_int_equal(retry_class_of(rules, -EACCES), RETRY_PERMANENT);
	assert_int_equal(retry_class_of(rules, -EBUSY), RETRY_THROTTLED);
	assert_int_equal(retry_class_of(rules, -EIO), RETRY_TRANSIENT);
}

static void pauses_double_up_to_a_cap(void **state)
{
	static const int64_t expected_ms[] = { 200,   400,   800,   1600,  3200, 6400,
					       12800, 25600, 30000, 30000, 30000 };
	struct retry retry = begin(200, 0, INT64_MAX);

	(void)state;
	for (size_t i = 0; i < sizeof(expected_ms) / sizeof(expected_ms[0]); i++)
		/* half of it is chance */
		assert_in_range(next_ms(&retry, -EIO, 0), expected_ms[i] / 2,
				expected_ms[i]);
}

static void cap_is_the_plans_unless_throttled(void **state)
{
	struct retry retry = begin(100, 3000, INT64_MAX);
	int64_t last_ms = 0;

	(void)state;
	for (int i = 0; i < 20; i++)
		last_ms = next_ms(&retry, -EIO, 0);
	assert_in_range(last_ms, 1500, 3000);
	/* asked to slow down: at least a second, then up to the cap of all */
	retry = begin(100, 3000, INT64_MAX);
	assert_in_range(next_ms(&retry, -EBUSY, 0), 500, 1000);
	for (int i = 0; i < 20; i++)
		last_ms = next_ms(&retry, -EBUSY, 0);
	assert_in_range(last_ms, 15000, 30000);
}

static void steady_pauses_are_all_the_same(void **state)
{
	struct retry retry = begin(50, 0, INT64_MAX);

	(void)state;
	retry.plan.is_steady = true;
	for (int i = 0; i < 20; i++)
		assert_int_equal(next_ms(&retry, -EIO, 0), 50);
}

/* A fleet launched in one second must not come back in one. */
static void pauses_differ(void **state)
{
	int64_t first_ms = 0;
	int different = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		struct retry retry = begin(20000, 0, INT64_MAX);
		int64_t pause_ms = next_ms(&retry, -EIO, 0);

		if (i == 0)
			first_ms = pause_ms;
		different += pause_ms != first_ms;
	}
	assert_true(different > 10);
}

static void shortest_pauses_are_no_trap(void **state)
{
	struct retry retry = begin(0, 0, 1000);

	(void)state;
	assert_int_equal(next_ms(&retry, -EIO, 0), 0);
	retry = begin(1, 0, 1000);
	assert_in_range(next_ms(&retry, -EIO, 0), 0, 1);
	assert_int_equal(retry.delay_ms, 2);
}

static void server_may_ask_for_more_but_not_for_less(void **state)
{
	struct retry retry = begin(100, 0, 3600000);

	(void)state;
	assert_in_range(next_ms(&retry, -EIO, 40000), 40000, 50000);
	/* it counts for that pause only */
	assert_in_range(next_ms(&retry, -EIO, 1), 100, 200);
	assert_in_range(next_ms(&retry, -EIO, -60000), 200, 400);
}

/* A clock that is behind makes a date of it an hour or a day. */
static void server_cannot_ask_for_more_than_a_minute(void **state)
{
	struct retry retry = begin(100, 0, 240000);

	(void)state;
	assert_in_range(next_ms(&retry, -EBUSY, 300000), 60000, 75000);
	assert_in_range(next_ms(&retry, -EBUSY, INT64_C(86400000)), 60000, 75000);
	/* nor for all that is left, while its minute fits */
	retry = begin(100, 0, 61000);
	assert_in_range(next_ms(&retry, -EBUSY, 300000), 60000, 61000);
}

/* It tells a whole fleet the same. */
static void patience_differs(void **state)
{
	int64_t first_ms = 0;
	int different = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		struct retry retry = begin(100, 0, 240000);
		int64_t pause_ms = next_ms(&retry, -EBUSY, 30000);

		if (i == 0)
			first_ms = pause_ms;
		different += pause_ms != first_ms;
	}
	assert_true(different > 10);
}

static void no_try_beyond_the_deadline(void **state)
{
	static const struct retry_hint patient = { .retry_after_ms = 60000 };
	struct retry retry = begin(1000, 0, 100);
	struct error err = { -EAGAIN, "the last failure" };
	int64_t delay_ms = -1;

	(void)state;
	/* told at once, and with the reason */
	assert_int_equal(retry_next(&retry, &no_hint, &delay_ms, &err), -ETIME);
	assert_int_equal(err.code, -ETIME);
	assert_string_equal(err.text, "the last failure");
	retry = begin(1, 0, 5000);
	err.code = -EAGAIN;
	assert_int_equal(retry_next(&retry, &patient, &delay_ms, &err), -ETIME);
	retry = begin(1, 0, -1);
	err.code = -EAGAIN;
	assert_int_equal(retry_next(&retry, &no_hint, &delay_ms, &err), -ETIME);
	assert_string_equal(err.text, "the last failure");
	assert_int_equal(delay_ms, -1);
}

static void last_pauses_are_cut(void **state)
{
	struct retry retry = begin(100, 0, 10000);

	(void)state;
	retry.delay_ms = 30000;
	assert_in_range(next_ms(&retry, -EIO, 0), 4900, 5000);
	retry.plan.is_steady = true;
	retry.plan.first_ms = 9000;
	assert_int_equal(next_ms(&retry, -EIO, 0), 9000);
}

static void permanent_and_last_tries_end_it(void **state)
{
	static const struct retry_hint last = { .is_last = true };
	static const struct retry_hint at_once = { .is_at_once = true };
	struct retry retry = begin(1000, 0, 60000);
	struct error err = { -EACCES, "not allowed" };
	int64_t delay_ms = -1;

	(void)state;
	assert_int_equal(retry_next(&retry, &no_hint, &delay_ms, &err), -EACCES);
	err.code = -EIO;
	assert_int_equal(retry_next(&retry, &last, &delay_ms, &err), -EIO);
	assert_int_equal(retry_next(&retry, &at_once, &delay_ms, &err), 0);
	assert_int_equal(delay_ms, 0);
}

/* ---- what is told */

static char told[2048];

static void hear(void *userdata, const char *line)
{
	size_t used = strlen(told);

	(void)userdata;
	(void)snprintf(told + used, sizeof(told) - used, "%s\n", line);
}

static void fail_with(struct retry *retry, const char *text)
{
	struct error err = { .code = -EIO };
	int64_t delay_ms;

	(void)snprintf(err.text, sizeof(err.text), "%s", text);
	assert_int_equal(retry_next(retry, &no_hint, &delay_ms, &err), 0);
}

static void one_line_a_change_and_one_a_minute(void **state)
{
	struct retry retry = begin(200, 0, INT64_MAX);

	(void)state;
	retry.plan.listener.tell = hear;
	told[0] = '\0';
	retry_succeeded(&retry);
	assert_string_equal(told, "");
	fail_with(&retry, "no answer");
	fail_with(&retry, "no answer");
	fail_with(&retry, "503");
	fail_with(&retry, "503");
	assert_string_equal(told, "waiting for it: no answer\nwaiting for it: 503\n");
	told[0] = '\0';
	retry.told_ms -= 60000;
	retry.begun_ms -= 61000;
	fail_with(&retry, "503");
	fail_with(&retry, "503");
	assert_string_equal(told, "still waiting for it after 61 s and 5 tries: 503\n");
	told[0] = '\0';
	retry_succeeded(&retry);
	assert_string_equal(told, "it: there after 61.0 s and 7 tries\n");
	/* two reasons that take turns are told a few times only */
	told[0] = '\0';
	retry = begin(200, 0, INT64_MAX);
	retry.plan.listener.tell = hear;
	for (int i = 0; i < 100; i++)
		fail_with(&retry, i % 2 ? "a" : "b");
	assert_int_equal(strlen(told), 6 * strlen("waiting for it: a\n"));
}

/* ---- the loop */

struct trial {
	int fails, tries;
	int code;
};

static int attempt(void *userdata, struct retry_hint *ret_hint, struct error *err)
{
	struct trial *trial = userdata;

	trial->tries++;
	if (trial->tries > trial->fails)
		return 0;
	ret_hint->retry_after_ms = 7000;
	return error_set(err, trial->code, "try %d", trial->tries);
}

static int run(struct trial *trial, int64_t budget_ms, struct error *err)
{
	const struct retry_plan plan = { .rules = rules,
					 .first_ms = 10,
					 .deadline = deadline_in(budget_ms),
					 .userdata = trial };

	return retry_run(&plan, attempt, err);
}

static void it_tries_until_it_is_decided(void **state)
{
	struct trial good = { 3, 0, -EIO }, refused = { 9, 0, -EACCES },
		     slow = { 9, 0, -EBUSY };
	struct error err = { 0 };

	(void)state;
	assert_int_equal(run(&good, 60000, &err), 0);
	assert_int_equal(good.tries, 4);
	assert_in_range(paused_ms, 7000, 8750);
	assert_int_equal(run(&refused, 60000, &err), -EACCES);
	assert_int_equal(refused.tries, 1);
	assert_int_equal(run(&slow, 6000, &err), -ETIME);
	assert_string_equal(err.text, "try 1");
}

static void interruption_is_the_new_reason(void **state)
{
	struct trial trial = { 9, 0, -EIO };
	struct error err = { 0 };

	(void)state;
	pause_result = -ECANCELED;
	assert_int_equal(run(&trial, 60000, &err), -ECANCELED);
	assert_int_equal(err.code, -ECANCELED);
	assert_string_equal(err.text, "interrupted by SIGTERM");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(classes_come_from_the_table, setup),
		cmocka_unit_test_setup(pauses_double_up_to_a_cap, setup),
		cmocka_unit_test_setup(cap_is_the_plans_unless_throttled, setup),
		cmocka_unit_test_setup(steady_pauses_are_all_the_same, setup),
		cmocka_unit_test_setup(pauses_differ, setup),
		cmocka_unit_test_setup(shortest_pauses_are_no_trap, setup),
		cmocka_unit_test_setup(server_may_ask_for_more_but_not_for_less, setup),
		cmocka_unit_test_setup(server_cannot_ask_for_more_than_a_minute, setup),
		cmocka_unit_test_setup(patience_differs, setup),
		cmocka_unit_test_setup(no_try_beyond_the_deadline, setup),
		cmocka_unit_test_setup(last_pauses_are_cut, setup),
		cmocka_unit_test_setup(permanent_and_last_tries_end_it, setup),
		cmocka_unit_test_setup(one_line_a_change_and_one_a_minute, setup),
		cmocka_unit_test_setup(it_tries_until_it_is_decided, setup),
		cmocka_unit_test_setup(interruption_is_the_new_reason, setup),
	};

	return cmocka_run_group_tests_name("net_retry", tests, NULL, NULL);
}
