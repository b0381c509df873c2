/* SPDX-License-Identifier: MIT */
#include "steps/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "loop/fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

/* A configured command: how it ended, its last words, and what it leaves behind. */

static int run(struct fixture *fixture, const char *script, int64_t timeout_ms,
	       struct command_end *ret_end, struct error *err)
{
	static const char *const environment[] = { "PATH=/usr/bin:/bin", NULL };
	const char *const arguments[] = { "sh", "-c", script, NULL };
	const struct command command = { .arguments = arguments,
					 .environment = environment,
					 .directory = "/tmp",
					 .deadline = deadline_in(timeout_ms) };
	int result = command_run(&fixture->loop, &command, ret_end, err);

	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	return result;
}

static void success_has_nothing_to_say(void **state)
{
	struct command_end end;
	struct error err = { 0 };

	assert_int_equal(run(*state, "pwd; echo err >&2; cat", 5000, &end, &err), 0);
	assert_int_equal(end.exit_status, 0);
	assert_int_equal(end.signal, 0);
	/* both streams in their order, and nothing on standard input */
	assert_string_equal(end.tail, "/tmp\nerr\n");
	assert_int_equal(err.code, 0);
}

static void failure_is_told_with_its_status(void **state)
{
	struct command_end end;
	struct error err = { 0 };

	assert_int_equal(run(*state, "echo no; exit 7", 5000, &end, &err), -ECHILD);
	assert_string_equal(err.text, "exit status 7");
	assert_int_equal(end.exit_status, 7);
	assert_string_equal(end.tail, "no\n");
	assert_int_equal(run(*state, "kill -SEGV $$", 5000, &end, &err), -ECHILD);
	assert_string_equal(err.text, "ended by SIGSEGV");
	assert_int_equal(end.exit_status, -1);
	assert_int_equal(end.signal, SIGSEGV);
	assert_string_equal(end.tail, "");
}

static void only_the_end_of_the_output_is_kept(void **state)
{
	struct command_end end;
	struct error err = { 0 };

	/* far more than the pipe holds */
	assert_int_equal(run(*state,
			     "head -c 1000000 /dev/zero | tr '\\0' x; echo; seq 1000",
			     5000, &end, &err),
			 0);
	assert_in_range(strlen(end.tail), 3893, COMMAND_TAIL_MAX_BYTES - 1);
	assert_string_equal(end.tail + strlen(end.tail) - 10, "\n999\n1000\n");
	assert_true(end.is_cut);
	/* exactly what fits, and one more */
	assert_int_equal(run(*state, "head -c 4095 /dev/zero | tr '\\0' x", 5000, &end,
			     &err),
			 0);
	assert_int_equal(strlen(end.tail), 4095);
	assert_false(end.is_cut);
	assert_int_equal(run(*state, "echo A; head -c 4094 /dev/zero | tr '\\0' x", 5000,
			     &end, &err),
			 0);
	assert_int_equal(strlen(end.tail), 4095);
	assert_memory_equal(end.tail, "\nx", 2);
}

static void odd_bytes_hide_nothing(void **state)
{
	struct command_end end;
	struct error err = { 0 };

	assert_int_equal(run(*state, "printf 'a\\000b\\377c'; exit 1", 5000, &end, &err),
			 -ECHILD);
	assert_string_equal(end.tail, "a b\377c");
}

static void failed_start_is_told(void **state)
{
	struct fixture *fixture = *state;
	static const char *const environment[] = { "PATH=/usr/bin:/bin", NULL };
	static const char *const arguments[] = { "no-such-command", NULL };
	struct command command = { .arguments = arguments,
				   .environment = environment,
				   .directory = "/tmp",
				   .deadline = deadline_in(5000) };
	struct command_end end;
	struct error err = { 0 };

	assert_int_equal(command_run(&fixture->loop, &command, &end, &err), -ENOENT);
	assert_string_equal(err.text,
			    "start 'no-such-command' in the release's directory: "
			    "No such file or directory");
	assert_int_equal(end.exit_status, -1);
	assert_int_equal(end.signal, 0);
	command.directory = "/nowhere";
	assert_int_equal(command_run(&fixture->loop, &command, &end, &err), -ENOENT);
}

/* The number that the script wrote. */
static long pid_in(const struct command_end *end)
{
	long pid = strtol(end->tail, NULL, 10);

	assert_true(pid > 1);
	return pid;
}

static void timeout_ends_all_of_it(void **state)
{
	struct command_end end;
	struct error err = { 0 };
	int64_t begun_ms = clock_monotonic_ms();

	assert_int_equal(run(*state, "(trap '' TERM; exec sleep 60) & echo $!; wait", 60,
			     &end, &err),
			 -ETIMEDOUT);
	assert_string_equal(err.text, "not done within its timeout, ended");
	assert_int_equal(end.signal, SIGTERM);
	/* what is deaf to TERM has the grace of five seconds, and no more */
	assert_in_range(clock_monotonic_ms() - begun_ms, 5000, 9000);
	assert_false(fixture_stays_running(pid_in(&end)));
}

static void failure_ends_what_it_started(void **state)
{
	struct command_end end;
	struct error err = { 0 };

	assert_int_equal(run(*state, "sleep 60 & echo $!; exit 1", 5000, &end, &err),
			 -ECHILD);
	assert_int_equal(end.exit_status, 1);
	assert_false(fixture_stays_running(pid_in(&end)));
}

static void interruption_ends_it(void **state)
{
	struct command_end end;
	struct error err = { 0 };

	assert_int_equal(raise(SIGTERM), 0);
	assert_int_equal(run(*state, "exec sleep 60", 5000, &end, &err), -ECANCELED);
	assert_string_equal(err.text, "interrupted by SIGTERM");
	assert_int_equal(end.exit_status, -1);
}

static void daemon_is_left_alone_and_not_waited_for(void **state)
{
	struct command_end end;
	struct error err = { 0 };
	int64_t begun_ms = clock_monotonic_ms();
	long pid;

	/* it holds the pipe open */
	assert_int_equal(run(*state, "sleep 60 & echo $!", 5000, &end, &err), 0);
	assert_in_range(clock_monotonic_ms() - begun_ms, 0, 2000);
	pid = pid_in(&end);
	assert_true(fixture_is_running(pid));
	assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(success_has_nothing_to_say),
		fixture_test(failure_is_told_with_its_status),
		fixture_test(only_the_end_of_the_output_is_kept),
		fixture_test(odd_bytes_hide_nothing),
		fixture_test(failed_start_is_told),
		fixture_test(timeout_ends_all_of_it),
		fixture_test(failure_ends_what_it_started),
		fixture_test(interruption_ends_it),
		fixture_test(daemon_is_left_alone_and_not_waited_for),
	};

	return cmocka_run_group_tests_name("steps_command", tests, NULL, NULL);
}
