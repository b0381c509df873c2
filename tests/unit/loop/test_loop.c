/* SPDX-License-Identifier: MIT */
#include "loop/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop/fixture.h"

#include <errno.h>
#include <signal.h>

/* The one way to wait: until it is so, until it is late, until somebody says stop. */

static bool is_set(const void *data)
{
	return *(const bool *)data;
}

static int set_flag(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	*(bool *)userdata = true;
	return 0;
}

static int set_flag_soon(sd_event_source *source, void *userdata)
{
	(void)source;
	*(bool *)userdata = true;
	return 0;
}

static int raise_signal(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	return raise(*(int *)userdata);
}

static sd_event_source *add_timer(struct fixture *fixture, uint64_t delay_us,
				  sd_event_time_handler_t handler, void *userdata)
{
	sd_event_source *source = NULL;

	assert_true(sd_event_add_time_relative(fixture->loop.event, &source,
					       CLOCK_MONOTONIC, delay_us, 1, handler,
					       userdata) >= 0);
	return source;
}

static void what_is_met_is_never_waited_for(void **state)
{
	struct fixture *fixture = *state;
	struct error err = { 0 };
	const bool yes = true;

	/* whatever the time and whoever interrupts */
	fixture->loop.interrupted_by = SIGTERM;
	assert_int_equal(loop_wait(&fixture->loop, is_set, &yes, deadline_in(-1), &err),
			 0);
	assert_int_equal(err.code, 0);
}

static void wait_ends_when_a_handler_meets_it(void **state)
{
	struct fixture *fixture = *state;
	struct error err = { 0 };
	bool flag = false;
	sd_event_source *timer = add_timer(fixture, 5000, set_flag, &flag);
	int64_t begun_ms = clock_monotonic_ms();

	assert_int_equal(loop_wait(&fixture->loop, is_set, &flag, deadline_in(5000),
				   &err),
			 0);
	assert_in_range(clock_monotonic_ms() - begun_ms, 4, 1000);
	(void)sd_event_source_disable_unref(timer);
}

static void wait_is_late(void **state)
{
	struct fixture *fixture = *state;
	struct error err = { 0 };
	const bool no = false;
	int64_t begun_ms = clock_monotonic_ms();

	assert_int_equal(loop_wait(&fixture->loop, is_set, &no, deadline_in(20), &err),
			 -ETIME);
	assert_in_range(clock_monotonic_ms() - begun_ms, 20, 1000);
	assert_int_equal(err.code, -ETIME);
	assert_string_equal(err.text, "the time for it is over");
	assert_int_equal(loop_wait(&fixture->loop, is_set, &no, deadline_in(0), &err),
			 -ETIME);
}

static void signal_ends_this_wait_and_the_next(void **state)
{
	struct fixture *fixture = *state;
	struct error err = { 0 };
	const bool no = false;

	assert_int_equal(raise(SIGTERM), 0);
	assert_int_equal(loop_wait(&fixture->loop, is_set, &no, deadline_in(5000), &err),
			 -ECANCELED);
	assert_string_equal(err.text, "interrupted by SIGTERM");
	/* the first one counts */
	assert_int_equal(raise(SIGINT), 0);
	assert_int_equal(loop_wait(&fixture->loop, is_set, &no, deadline_in(5000), &err),
			 -ECANCELED);
	assert_int_equal(fixture->loop.interrupted_by, SIGTERM);
	assert_int_equal(loop_pause(&fixture->loop, 5000, &err), -ECANCELED);
	assert_true(sd_event_run(fixture->loop.event, 0) >= 0);
}

static void signal_in_the_middle_ends_a_pause(void **state)
{
	struct fixture *fixture = *state;
	struct error err = { 0 };
	int number = SIGINT;
	sd_event_source *timer = add_timer(fixture, 5000, raise_signal, &number);
	int64_t begun_ms = clock_monotonic_ms();

	assert_int_equal(loop_pause(&fixture->loop, 5000, &err), -ECANCELED);
	assert_string_equal(err.text, "interrupted by SIGINT");
	assert_in_range(clock_monotonic_ms() - begun_ms, 4, 1000);
	(void)sd_event_source_disable_unref(timer);
}

/* At a shutdown a step and we get the signal together: ours must be seen first. */
static void signal_goes_before_what_came_with_it(void **state)
{
	struct fixture *fixture = *state;
	struct error err = { 0 };
	sd_event_source *source = NULL;
	bool flag = false;

	assert_true(sd_event_add_defer(fixture->loop.event, &source, set_flag_soon,
				       &flag) >= 0);
	assert_int_equal(raise(SIGTERM), 0);
	assert_int_equal(loop_wait(&fixture->loop, is_set, &flag, deadline_in(5000),
				   &err),
			 -ECANCELED);
	assert_false(flag);
	(void)sd_event_source_disable_unref(source);
}

static void interrupts_can_be_ignored_for_a_while(void **state)
{
	struct fixture *fixture = *state;
	struct error err = { 0 };

	fixture->loop.ignores_interrupts = true;
	assert_int_equal(raise(SIGTERM), 0);
	assert_int_equal(loop_pause(&fixture->loop, 10, &err), 0);
	assert_int_equal(fixture->loop.interrupted_by, SIGTERM);
	fixture->loop.ignores_interrupts = false;
	assert_int_equal(loop_pause(&fixture->loop, 10, &err), -ECANCELED);
}

static void pause_takes_its_time(void **state)
{
	struct fixture *fixture = *state;
	struct error err = { 0 };
	int64_t begun_ms = clock_monotonic_ms();

	assert_int_equal(loop_pause(&fixture->loop, 20, &err), 0);
	assert_in_range(clock_monotonic_ms() - begun_ms, 20, 1000);
	assert_int_equal(loop_pause(&fixture->loop, 0, &err), 0);
	assert_int_equal(loop_pause(&fixture->loop, -5, &err), 0);
	assert_int_equal(err.code, 0);
}

/* What we inherit from whoever started us must not decide how we run. */
static void inherited_signal_handling_is_set_right(void **state)
{
	struct loop loop;
	struct error err = { 0 };
	struct sigaction action;

	(void)state;
	(void)signal(SIGCHLD, SIG_IGN);
	(void)signal(SIGPIPE, SIG_DFL);
	assert_int_equal(loop_init(&loop, &err), 0);
	assert_int_equal(sigaction(SIGCHLD, NULL, &action), 0);
	assert_ptr_equal(action.sa_handler, SIG_DFL);
	assert_int_equal(sigaction(SIGPIPE, NULL, &action), 0);
	assert_ptr_equal(action.sa_handler, SIG_IGN);
	loop_done(&loop);
	loop_done(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(what_is_met_is_never_waited_for),
		fixture_test(wait_ends_when_a_handler_meets_it),
		fixture_test(wait_is_late),
		fixture_test(signal_ends_this_wait_and_the_next),
		fixture_test(signal_in_the_middle_ends_a_pause),
		fixture_test(signal_goes_before_what_came_with_it),
		fixture_test(interrupts_can_be_ignored_for_a_while),
		fixture_test(pause_takes_its_time),
		cmocka_unit_test(inherited_signal_handling_is_set_right),
	};

	return cmocka_run_group_tests_name("loop_loop", tests, NULL, NULL);
}
