/* SPDX-License-Identifier: MIT */
#include "loop/kept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/text.h"
#include "loop/child.h"
#include "loop/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

/* Commands with a keeper: whatever they start and wherever it goes, it can be ended. */

static const char *const environment[] = { "PATH=/usr/bin:/bin", NULL };

/* Starts a shell that writes pids, one a line and `count` of them. */
static void start(struct fixture *fixture, const char *script, struct kept *ret_kept,
		  long *ret_pids, int count)
{
	const char *const arguments[] = { "sh", "-c", script, NULL };
	struct child_spec spec = { .arguments = arguments,
				   .environment = environment,
				   .executable_fd = -1,
				   .fds = { -1, -1, -1, -1 },
				   .has_own_session = true,
				   .dies_with_parent = true };
	struct error err = { 0 };
	FILE *output;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	spec.fds[1] = fds[1];
	assert_int_equal(kept_start(&fixture->loop, &spec, ret_kept, &err), 0);
	(void)close(fds[1]);
	output = fdopen(fds[0], "r");
	for (int i = 0; i < count; i++) {
		assert_int_equal(fscanf(output, "%ld", &ret_pids[i]), 1);
		assert_true(ret_pids[i] > 1);
	}
	(void)fclose(output);
}

static void wait_for_end(struct fixture *fixture, struct kept *kept)
{
	struct error err = { 0 };

	assert_int_equal(loop_wait(&fixture->loop, kept_is_over, kept, deadline_in(5000),
				   &err),
			 0);
}

static void stop(struct fixture *fixture, struct kept *kept, int64_t grace_ms)
{
	struct kept *const all[] = { kept };

	kept_stop(&fixture->loop, all, 1, grace_ms);
	assert_true(kept->has_left);
}

static void assert_no_child_stays(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void end_is_told(void **state)
{
	static const struct {
		const char *script;
		int exit_status, signal;
	} rows[] = {
		{ "exit 0", 0, 0 },
		{ "exit 7", 7, 0 },
		{ "exit 255", 255, 0 },
		{ "kill -SEGV $$", -1, SIGSEGV },
		{ "kill -KILL $$", -1, SIGKILL },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct kept kept;

		start(fixture, rows[i].script, &kept, NULL, 0);
		wait_for_end(fixture, &kept);
		assert_int_equal(kept.exit_status, rows[i].exit_status);
		assert_int_equal(kept.signal, rows[i].signal);
		assert_int_equal(kept.exec_error, 0);
		assert_false(kept.is_lost);
		stop(fixture, &kept, 1000);
		kept_done(&kept);
		kept_done(&kept);
		assert_no_child_stays();
	}
}

static void failed_start_is_told(void **state)
{
	static const char *const arguments[] = { "no-such-command", NULL };
	const struct child_spec spec = { .arguments = arguments,
					 .environment = environment,
					 .executable_fd = -1,
					 .fds = { -1, -1, -1, -1 } };
	struct fixture *fixture = *state;
	struct error err = { 0 };
	struct kept kept;

	assert_int_equal(kept_start(&fixture->loop, &spec, &kept, &err), 0);
	wait_for_end(fixture, &kept);
	assert_int_equal(kept.exec_error, ENOENT);
	stop(fixture, &kept, 1000);
	kept_done(&kept);
	assert_no_child_stays();
}

/* Each says its pid, is deaf to TERM and lives for a minute. */
#define DEAF "trap '' TERM; echo $$; exec sleep 60 >&-"
/* As daemon(7) has it: a fork, a session, another fork; and an empty environment. */
#define DAEMON "(setsid env -i /bin/sh -c \"(" DEAF_INNER ") & exit 0\" &) ; "
#define DEAF_INNER "trap '' TERM; /bin/sh -c 'echo \\$PPID' ; exec /bin/sleep 60 >&-"

static void daemons_of_a_failed_command_go(void **state)
{
	struct fixture *fixture = *state;
	struct kept kept;
	long pids[3];

	start(fixture, DAEMON DAEMON "sleep 60 >&- & echo $!; sleep 0.3; exit 1", &kept,
	      pids, 3);
	wait_for_end(fixture, &kept);
	assert_int_equal(kept.exit_status, 1);
	for (int i = 0; i < 3; i++)
		assert_true(fixture_is_running(pids[i]));
	stop(fixture, &kept, 50);
	for (int i = 0; i < 3; i++)
		assert_false(fixture_is_running(pids[i]));
	kept_done(&kept);
	assert_no_child_stays();
}

static void all_of_a_late_command_goes(void **state)
{
	struct fixture *fixture = *state;
	int64_t begun_ms = clock_monotonic_ms();
	struct kept kept;
	long pids[2];

	start(fixture, DAEMON DEAF, &kept, pids, 2);
	stop(fixture, &kept, 50);
	assert_true(kept.was_stopped);
	assert_int_equal(kept.signal, SIGKILL);
	assert_false(fixture_is_running(pids[0]));
	assert_false(fixture_is_running(pids[1]));
	kept_done(&kept);
	assert_no_child_stays();
	assert_in_range(clock_monotonic_ms() - begun_ms, 50, 3000);
}

static void term_is_enough_for_most(void **state)
{
	struct fixture *fixture = *state;
	int64_t begun_ms = clock_monotonic_ms();
	struct kept kept;
	long pids[2];

	start(fixture, "sleep 60 >&- & echo $!; echo $$; exec >&-; wait", &kept, pids, 2);
	stop(fixture, &kept, 5000);
	assert_int_equal(kept.signal, SIGTERM);
	assert_false(fixture_is_running(pids[0]));
	kept_done(&kept);
	assert_in_range(clock_monotonic_ms() - begun_ms, 0, 2000);
}

/* Its end with status 0 does not free what it started. */
static void a_command_that_obeys_term_keeps_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct kept kept;
	long pids[2];

	start(fixture, DAEMON "trap 'exit 0' TERM; echo $$; exec >&-; sleep 60 & wait",
	      &kept, pids, 2);
	stop(fixture, &kept, 300);
	assert_int_equal(kept.exit_status, 0);
	assert_true(kept.was_stopped);
	assert_false(fixture_is_running(pids[0]));
	assert_false(fixture_is_running(pids[1]));
	kept_done(&kept);
}

static void daemons_of_a_good_command_stay(void **state)
{
	struct fixture *fixture = *state;
	struct kept kept;
	long pids[2];

	start(fixture, DAEMON "sleep 60 >&- & echo $!; exit 0", &kept, pids, 2);
	wait_for_end(fixture, &kept);
	assert_true(kept.has_left);
	stop(fixture, &kept, 50);
	assert_false(kept.was_stopped);
	for (int i = 0; i < 2; i++) {
		assert_true(fixture_is_running(pids[i]));
		assert_int_equal(kill((pid_t)pids[i], SIGKILL), 0);
	}
	kept_done(&kept);
	assert_no_child_stays();
}

static void two_at_a_time_are_two_trees(void **state)
{
	struct fixture *fixture = *state;
	struct kept one, other;
	long ones[2], others[2];

	start(fixture, DAEMON DEAF, &one, ones, 2);
	start(fixture, DAEMON DEAF, &other, others, 2);
	stop(fixture, &one, 20);
	for (int i = 0; i < 2; i++) {
		assert_false(fixture_is_running(ones[i]));
		assert_true(fixture_is_running(others[i]));
	}
	assert_false(other.has_ended);
	stop(fixture, &other, 20);
	kept_done(&one);
	kept_done(&other);
	assert_no_child_stays();
}

static long zombies_of(pid_t parent)
{
	autofree char *command =
		text_format("ps -o stat= --ppid %d | grep -c Z", (int)parent);
	FILE *output = popen(command, "r");
	long count = -1;

	assert_int_equal(fscanf(output, "%ld", &count), 1);
	(void)pclose(output);
	return count;
}

static void orphans_are_reaped(void **state)
{
	struct fixture *fixture = *state;
	struct kept kept;
	long pids[1];

	start(fixture,
	      "for i in 1 2 3 4 5; do (setsid true &); done; sleep 0.3; echo $$; "
	      "exec sleep 60 >&-",
	      &kept, pids, 1);
	assert_int_equal(zombies_of(kept.pid), 0);
	stop(fixture, &kept, 1000);
	kept_done(&kept);
}

/* Forks faster than it can be ended one by one. */
static void a_swarm_is_ended(void **state)
{
	struct fixture *fixture = *state;
	int64_t begun_ms = clock_monotonic_ms();
	struct error err = { 0 };
	struct kept kept;
	long pids[1];

	start(fixture,
	      "echo $$; exec >&-; swarm() { [ $1 -gt 0 ] || return 0; swarm $(($1-1)) & "
	      "swarm $(($1-1)) & sleep 0.2; exec sleep 60; }; "
	      "for i in 1 2 3 4 5 6 7 8 9; do "
	      "(while :; do (setsid true &); done) & done; swarm 6",
	      &kept, pids, 1);
	assert_int_equal(loop_pause(&fixture->loop, 300, &err), 0);
	stop(fixture, &kept, 0);
	kept_done(&kept);
	assert_no_child_stays();
	assert_in_range(clock_monotonic_ms() - begun_ms, 0, 8000);
}

static void be_killed(const char *script, int output_fd)
{
	struct fixture fixture = { .fd_count = 0 };
	struct error err;
	struct kept kept;
	long pids[2];

	if (loop_init(&fixture.loop, &err) < 0)
		_exit(1);
	start(&fixture, script, &kept, pids, 2);
	(void)dprintf(output_fd, "%ld %ld %d", pids[0], pids[1], (int)kept.pid);
	(void)raise(SIGKILL);
}

static void assert_all_dies(const char *script)
{
	char line[64] = "", *rest = line;
	pid_t middle;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	middle = fork();
	if (middle == 0)
		be_killed(script, fds[1]);
	assert_true(middle > 0);
	(void)close(fds[1]);
	assert_true(read(fds[0], line, sizeof(line) - 1) > 0);
	(void)close(fds[0]);
	assert_int_equal(waitpid(middle, NULL, 0), middle);
	for (int i = 0; i < 3; i++)
		assert_false(fixture_stays_running(strtol(rest, &rest, 10)));
}

static void all_of_it_dies_with_the_supervisor(void **state)
{
	(void)state;
	/* Of the second one's, two are the keeper's only when the command is dead. */
	assert_all_dies(DAEMON DEAF);
	assert_all_dies("(setsid sh -c 'echo $$; sleep 60; true' & wait) & sleep 0.3; "
			"echo $$; exec sleep 60 >&-");
}

static void a_killed_keeper_is_told(void **state)
{
	struct fixture *fixture = *state;
	struct kept kept;
	long pids[1];

	start(fixture, DEAF, &kept, pids, 1);
	assert_int_equal(kill(kept.pid, SIGKILL), 0);
	wait_for_end(fixture, &kept);
	assert_true(kept.is_lost);
	assert_int_equal(kept.exit_status, -1);
	assert_false(fixture_stays_running(pids[0]));
	kept_done(&kept);
	assert_no_child_stays();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(end_is_told),
		fixture_test(failed_start_is_told),
		fixture_test(daemons_of_a_failed_command_go),
		fixture_test(all_of_a_late_command_goes),
		fixture_test(term_is_enough_for_most),
		fixture_test(a_command_that_obeys_term_keeps_nothing),
		fixture_test(daemons_of_a_good_command_stay),
		fixture_test(two_at_a_time_are_two_trees),
		fixture_test(orphans_are_reaped),
		fixture_test(a_swarm_is_ended),
		cmocka_unit_test(all_of_it_dies_with_the_supervisor),
		fixture_test(a_killed_keeper_is_told),
	};

	return cmocka_run_group_tests_name("loop_kept", tests, NULL, NULL);
}
