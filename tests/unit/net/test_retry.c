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

static void pauses_double_up_to_a_cap(void **state)
{
	static const int64_t expected_ms[] = { 200,   400,   800,   1600,  3200, 6400,
					       12800, 25600, 30000, 30000, 30000 };
	struct retry retry = retry_begin(200, deadline_in(INT64_MAX));
	struct error err = { -EAGAIN, "the last failure" };

	(void)state;
	for (size_t i = 0; i < sizeof(expected_ms) / sizeof(expected_ms[0]); i++) {
		assert_int_equal(retry_pause(NULL, &retry, 0, &err), 0);
		/* half of it is chance */
		assert_in_range(paused_ms, expected_ms[i] / 2, expected_ms[i]);
	}
	assert_string_equal(err.text, "the last failure");
}

/* A fleet launched in one second must not come back in one. */
static void pauses_differ(void **state)
{
	int64_t first_ms = 0;
	int different = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		struct retry retry = retry_begin(20000, deadline_in(INT64_MAX));
		struct error err;

		assert_int_equal(retry_pause(NULL, &retry, 0, &err), 0);
		if (i == 0)
			first_ms = paused_ms;
		different += paused_ms != first_ms;
	}
	assert_true(different > 10);
}

static void shortest_pauses_are_no_trap(void **state)
{
	struct retry retry = retry_begin(0, deadline_in(1000));
	struct error err;

	(void)state;
	assert_int_equal(retry_pause(NULL, &retry, 0, &err), 0);
	assert_int_equal(paused_ms, 0);
	retry = retry_begin(1, deadline_in(1000));
	assert_int_equal(retry_pause(NULL, &retry, 0, &err), 0);
	assert_in_range(paused_ms, 0, 1);
	assert_int_equal(retry.delay_ms, 2);
}

static void server_may_ask_for_more_but_not_for_less(void **state)
{
	struct retry retry = retry_begin(100, deadline_in(3600000));
	struct error err = { 0 };

	(void)state;
	assert_int_equal(retry_pause(NULL, &retry, 60000, &err), 0);
	assert_int_equal(paused_ms, 60000);
	/* it counts for that pause only */
	assert_int_equal(retry_pause(NULL, &retry, 1, &err), 0);
	assert_in_range(paused_ms, 100, 200);
	assert_int_equal(retry_pause(NULL, &retry, -60000, &err), 0);
	assert_in_range(paused_ms, 200, 400);
}

static void no_try_beyond_the_deadline(void **state)
{
	struct retry retry = retry_begin(1000, deadline_in(100));
	struct error err = { -EAGAIN, "the last failure" };

	(void)state;
	/* told at once, and with the reason */
	assert_int_equal(retry_pause(NULL, &retry, 0, &err), -ETIME);
	assert_int_equal(err.code, -ETIME);
	assert_string_equal(err.text, "the last failure");
	retry = retry_begin(1, deadline_in(5000));
	assert_int_equal(retry_pause(NULL, &retry, 60000, &err), -ETIME);
	retry = retry_begin(1, deadline_in(-1));
	assert_int_equal(retry_pause(NULL, &retry, 0, &err), -ETIME);
	assert_string_equal(err.text, "the last failure");
	assert_int_equal(paused_ms, -1);
}

static void interruption_is_the_new_reason(void **state)
{
	struct retry retry = retry_begin(5000, deadline_in(60000));
	struct error err = { -EAGAIN, "the last failure" };

	(void)state;
	pause_result = -ECANCELED;
	assert_int_equal(retry_pause(NULL, &retry, 0, &err), -ECANCELED);
	assert_int_equal(err.code, -ECANCELED);
	assert_string_equal(err.text, "interrupted by SIGTERM");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(pauses_double_up_to_a_cap, setup),
		cmocka_unit_test_setup(pauses_differ, setup),
		cmocka_unit_test_setup(shortest_pauses_are_no_trap, setup),
		cmocka_unit_test_setup(server_may_ask_for_more_but_not_for_less, setup),
		cmocka_unit_test_setup(no_try_beyond_the_deadline, setup),
		cmocka_unit_test_setup(interruption_is_the_new_reason, setup),
	};

	return cmocka_run_group_tests_name("net_retry", tests, NULL, NULL);
}
