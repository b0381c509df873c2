/* SPDX-License-Identifier: MIT */
#include "base/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the kernel says of a process, and when it is dead. */

static void a_process_has_its_parent_and_session(void **state)
{
	struct process process;

	(void)state;
	assert_int_equal(process_look_up(getpid(), &process), 0);
	assert_int_equal(process.parent, getppid());
	assert_int_equal(process.session, getsid(0));
	assert_true(process.start_time_ticks > 0);
	assert_int_equal(process_look_up(0, &process), -ENOENT);
}

static void a_zombie_is_dead(void **state)
{
	struct process process;
	siginfo_t info;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(process_look_up(pid, &process), -ENOENT);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void *wait_for_ever(void *ignored)
{
	(void)ignored;
	(void)poll(NULL, 0, 60000);
	return NULL;
}

/* The kernel shows it as a zombie, too, but it runs. */
static void a_process_without_its_first_thread_lives(void **state)
{
	struct process process;
	pthread_t thread;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0)
			_exit(1);
		pthread_exit(NULL);
	}
	(void)poll(NULL, 0, 200);
	assert_int_equal(process_look_up(pid, &process), 0);
	assert_int_equal(process.parent, getpid());
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_has_its_parent_and_session),
		cmocka_unit_test(a_zombie_is_dead),
		cmocka_unit_test(a_process_without_its_first_thread_lives),
	};

	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
