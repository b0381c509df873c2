/* SPDX-License-Identifier: MIT */
#include "loop/child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "loop/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

/* Ending children: politely, then not, with all their company, and nobody left over. */

static const char *const environment[] = { "PATH=/usr/bin:/bin", NULL };

/* Starts a shell that writes a number (a pid) on its first line; returns the number. */
static long start(struct fixture *fixture, const char *script, struct child *ret_child)
{
	const char *const arguments[] = { "sh", "-c", script, NULL };
	struct child_spec spec = { .arguments = arguments,
				   .environment = environment,
				   .executable_fd = -1,
				   .fds = { -1, -1, -1, -1 },
				   .has_own_session = true };
	struct error err = { 0 };
	char line[32] = "";
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	spec.fds[1] = fds[1];
	assert_int_equal(child_start(&fixture->loop, &spec, ret_child, &err), 0);
	(void)close(fds[1]);
	assert_true(read(fds[0], line, sizeof(line) - 1) > 0);
	(void)close(fds[0]);
	return strtol(line, NULL, 10);
}

static void term_is_enough_for_most(void **state)
{
	struct fixture *fixture = *state;
	int64_t begun_ms = clock_monotonic_ms();
	struct child child;
	long pid = start(fixture, "echo $$; exec sleep 60 >&-", &child);

	child_stop(&fixture->loop, &child, 5000);
	assert_true(child.has_ended);
	assert_int_equal(child.signal, SIGTERM);
	child_done(&child);
	assert_false(fixture_is_running(pid));
	assert_in_range(clock_monotonic_ms() - begun_ms, 0, 2000);
}

static void kill_follows_the_grace(void **state)
{
	struct fixture *fixture = *state;
	struct child child;
	long pid = start(fixture, "trap '' TERM; echo $$; exec sleep 60 >&-", &child);

	child_stop(&fixture->loop, &child, 20);
	assert_int_equal(child.signal, SIGKILL);
	child_done(&child);
	assert_false(fixture_is_running(pid));
}

static void company_that_ignores_term_goes_too(void **state)
{
	struct fixture *fixture = *state;
	struct child child;
	long pid = start(fixture,
			 "(trap '' TERM; exec sleep 60 >&-) & echo $!; exec >&-; wait",
			 &child);

	assert_true(fixture_is_running(pid));
	child_stop(&fixture->loop, &child, 5000);
	assert_int_equal(child.signal, SIGTERM);
	child_done(&child);
	assert_false(fixture_stays_running(pid));
}

static void company_of_an_ended_child_goes(void **state)
{
	struct fixture *fixture = *state;
	struct error err = { 0 };
	struct child child;
	long pid = start(fixture, "sleep 60 >&- & echo $!; exit 7", &child);

	assert_int_equal(loop_wait(&fixture->loop, child_is_ended, &child,
				   deadline_in(5000), &err),
			 0);
	assert_true(fixture_is_running(pid));
	child_stop(&fixture->loop, &child, 5000);
	/* how it ended stays as it was */
	assert_int_equal(child.exit_status, 7);
	assert_int_equal(child.signal, 0);
	child_done(&child);
	assert_false(fixture_stays_running(pid));
}

static void signal_to_us_does_not_disturb_it(void **state)
{
	struct fixture *fixture = *state;
	struct error err = { 0 };
	struct child child;
	long pid = start(fixture, "trap '' TERM; echo $$; exec sleep 60 >&-", &child);

	assert_int_equal(raise(SIGTERM), 0);
	child_stop(&fixture->loop, &child, 20);
	assert_int_equal(child.signal, SIGKILL);
	child_done(&child);
	assert_false(fixture_is_running(pid));
	/* but it is not forgotten */
	assert_false(fixture->loop.ignores_interrupts);
	assert_int_equal(loop_pause(&fixture->loop, 1000, &err), -ECANCELED);
}

static void one_signal_reaches_the_whole_group(void **state)
{
	struct fixture *fixture = *state;
	struct error err = { 0 };
	struct child child;
	long pid = start(fixture, "sleep 60 >&- & echo $!; exec >&-; wait", &child);

	child_signal(&child, SIGKILL);
	assert_int_equal(loop_wait(&fixture->loop, child_is_ended, &child,
				   deadline_in(5000), &err),
			 0);
	child_done(&child);
	assert_false(fixture_stays_running(pid));
}

static void no_zombie_and_no_descriptor_stay(void **state)
{
	struct fixture *fixture = *state;
	struct child child;

	for (int i = 0; i < 10; i++) {
		(void)start(fixture, "echo $$", &child);
		child_stop(&fixture->loop, &child, 5000);
		child_done(&child);
		child_done(&child);
	}
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* The supervisor of a supervised child, which it leaves behind. */
static void be_killed(int output_fd)
{
	const char *const arguments[] = { "sleep", "60", NULL };
	const struct child_spec spec = { .arguments = arguments,
					 .environment = environment,
					 .executable_fd = -1,
					 .fds = { -1, -1, -1, -1 },
					 .dies_with_parent = true };
	struct loop loop;
	struct child child;
	struct error err;

	if (loop_init(&loop, &err) < 0 || child_start(&loop, &spec, &child, &err) < 0)
		_exit(1);
	/* long enough for its prctl() */
	if (loop_pause(&loop, 20, &err) < 0)
		_exit(1);
	(void)dprintf(output_fd, "%d", (int)child.pid);
	(void)raise(SIGKILL);
}

static void worker_dies_with_its_supervisor(void **state)
{
	char line[32] = "";
	pid_t middle;
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	middle = fork();
	if (middle == 0)
		be_killed(fds[1]);
	assert_true(middle > 0);
	(void)close(fds[1]);
	assert_true(read(fds[0], line, sizeof(line) - 1) > 0);
	(void)close(fds[0]);
	assert_int_equal(waitpid(middle, NULL, 0), middle);
	assert_false(fixture_stays_running(strtol(line, NULL, 10)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(term_is_enough_for_most),
		fixture_test(kill_follows_the_grace),
		fixture_test(company_that_ignores_term_goes_too),
		fixture_test(company_of_an_ended_child_goes),
		fixture_test(signal_to_us_does_not_disturb_it),
		fixture_test(one_signal_reaches_the_whole_group),
		fixture_test(no_zombie_and_no_descriptor_stay),
		cmocka_unit_test(worker_dies_with_its_supervisor),
	};

	return cmocka_run_group_tests_name("loop_child_stop", tests, NULL, NULL);
}
