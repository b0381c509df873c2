/* SPDX-License-Identifier: MIT */
#include "base/lock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/scratch.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

/* One run at a time, for as long as anybody has the descriptor, and no longer. */

static void second_one_is_refused(void **state)
{
	const struct scratch *scratch = *state;
	struct error err = { 0 };
	int first = -1, second = -1;

	assert_int_equal(lock_take(scratch->fd, "lock", &first, &err), 0);
	assert_int_equal(lock_take(scratch->fd, "lock", &second, &err), -EWOULDBLOCK);
	assert_int_equal(second, -1);
	assert_non_null(strstr(err.text, "another run is under way"));
	(void)close(first);
	assert_int_equal(lock_take(scratch->fd, "lock", &second, &err), 0);
	(void)close(second);
}

/* A worker keeps the next run out even when its supervisor was killed (facts S13). */
static void heir_of_the_descriptor_holds_it(void **state)
{
	const struct scratch *scratch = *state;
	struct error err = { 0 };
	int first = -1, second = -1;
	pid_t child;

	assert_int_equal(lock_take(scratch->fd, "lock", &first, &err), 0);
	child = fork();
	if (child == 0) {
		(void)pause();
		_exit(0);
	}
	assert_true(child > 0);
	(void)close(first);
	assert_int_equal(lock_take(scratch->fd, "lock", &second, &err), -EWOULDBLOCK);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(lock_take(scratch->fd, "lock", &second, &err), 0);
	(void)close(second);
}

static void lock_file_is_private_and_stays(void **state)
{
	const struct scratch *scratch = *state;
	struct error err = { 0 };
	struct stat status;
	int fd = -1;

	assert_int_equal(scratch_put(scratch, "lock", "kept", 4), 0);
	assert_int_equal(lock_take(scratch->fd, "lock", &fd, &err), 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(status.st_size, 4);
	(void)close(fd);
	assert_int_equal(lock_take(scratch->fd, "new", &fd, &err), 0);
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	(void)close(fd);
}

static void lock_is_never_a_link(void **state)
{
	const struct scratch *scratch = *state;
	struct error err = { 0 };
	int fd = -1;

	assert_int_equal(symlinkat("elsewhere", scratch->fd, "lock"), 0);
	assert_int_equal(lock_take(scratch->fd, "lock", &fd, &err), -ELOOP);
	assert_int_equal(mkdirat(scratch->fd, "d", 0700), 0);
	assert_int_equal(lock_take(scratch->fd, "d", &fd, &err), -EISDIR);
	assert_int_equal(fd, -1);
	assert_int_equal(scratch_count(scratch), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(second_one_is_refused),
		scratch_test(heir_of_the_descriptor_holds_it),
		scratch_test(lock_file_is_private_and_stays),
		scratch_test(lock_is_never_a_link),
	};

	return cmocka_run_group_tests_name("base_lock", tests, NULL, NULL);
}
