/* SPDX-License-Identifier: MIT */
#include "base/confine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/scratch.h"

#include <linux/landlock.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* What a confined process may still do: a child for each test, there is no way back. */

enum deed {
	MAKES_INSIDE = 1,
	LINKS_INSIDE = 2,
	MAKES_OUTSIDE = 4,
	MAKES_THROUGH_A_LINK = 8,
	REMOVES_OUTSIDE = 16,
	READS_OUTSIDE = 32,
	READS_THE_SYSTEM = 64,
	IS_REFUSED = 128,
};

static bool does_make(int dir_fd, const char *path)
{
	int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0)
		(void)close(fd);
	return fd >= 0;
}

static bool does_read(int dir_fd, const char *path)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)close(fd);
	return fd >= 0;
}

static int act(const struct scratch *scratch, enum confine_extent extent)
{
	int inside_fd = openat(scratch->fd, "inside", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct confine_place places[] = { { inside_fd, true }, { -1, true } };
	struct error err;
	int deeds = 0;

	if (confine(places, 2, extent, &err) < 0)
		return IS_REFUSED;
	if (does_make(scratch->fd, "inside/made"))
		deeds |= MAKES_INSIDE;
	if (linkat(scratch->fd, "inside/made", scratch->fd, "inside/d/linked", 0) == 0)
		deeds |= LINKS_INSIDE;
	if (does_read(scratch->fd, "outside/kept"))
		deeds |= READS_OUTSIDE;
	if (does_read(AT_FDCWD, "/proc/self/maps"))
		deeds |= READS_THE_SYSTEM;
	if (does_make(scratch->fd, "outside/made"))
		deeds |= MAKES_OUTSIDE;
	if (does_make(scratch->fd, "inside/link/other"))
		deeds |= MAKES_THROUGH_A_LINK;
	if (unlinkat(scratch->fd, "outside/kept", 0) == 0)
		deeds |= REMOVES_OUTSIDE;
	return deeds;
}

static int deeds_of(const struct scratch *scratch, enum confine_extent extent)
{
	int status = 0;
	pid_t child;

	assert_int_equal(mkdirat(scratch->fd, "inside", 0700), 0);
	assert_int_equal(mkdirat(scratch->fd, "inside/d", 0700), 0);
	assert_int_equal(mkdirat(scratch->fd, "outside", 0700), 0);
	assert_int_equal(symlinkat("../outside", scratch->fd, "inside/link"), 0);
	assert_int_equal(scratch_put(scratch, "outside/kept", "x", 1), 0);
	child = fork();
	if (child == 0)
		_exit(act(scratch, extent));
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* What the kernel does not have, confine() does without. */
static bool has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0,
		       LANDLOCK_CREATE_RULESET_VERSION) >= 2;
}

#define EVERYTHING                                                            \
	(MAKES_INSIDE | LINKS_INSIDE | MAKES_OUTSIDE | MAKES_THROUGH_A_LINK | \
	 REMOVES_OUTSIDE | READS_OUTSIDE | READS_THE_SYSTEM)

static void writing_is_kept_inside(void **state)
{
	assert_int_equal(deeds_of(*state, CONFINE_WRITING),
			 has_landlock() ? MAKES_INSIDE | LINKS_INSIDE | READS_OUTSIDE |
					 READS_THE_SYSTEM
					: EVERYTHING);
}

static void reading_is_kept_inside(void **state)
{
	assert_int_equal(deeds_of(*state, CONFINE_READING),
			 has_landlock() ? MAKES_INSIDE | LINKS_INSIDE | READS_THE_SYSTEM
					: EVERYTHING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(writing_is_kept_inside),
		scratch_test(reading_is_kept_inside),
	};

	return cmocka_run_group_tests_name("base_confine", tests, NULL, NULL);
}
