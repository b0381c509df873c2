/* SPDX-License-Identifier: MIT */
#include "release/inuse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/scratch.h"
#include "base/text.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A release is in use by where a process stands. What it has in its memory is looked for
 * in those of one user only, here of none: tests/integration/test_prune.py does it.
 */

#define NOBODY ((uid_t)-1)

static struct inuse *look(const struct scratch *scratch)
{
	static struct inuse items[3];
	autofree char *link = text_format("/proc/self/fd/%d", scratch->fd);
	char path[PATH_MAX];
	struct error err = { 0 };
	ssize_t length = readlink(link, path, sizeof(path) - 1);

	assert_true(length > 0);
	path[length] = '\0';
	items[0] = (struct inuse){ .name = "20261124" };
	items[1] = (struct inuse){ .name = "20261125" };
	items[2] = (struct inuse){ .name = "2026112" };
	assert_int_equal(inuse_find(path, NOBODY, items, ARRAY_COUNT(items), &err), 0);
	assert_false(items[2].is_used);
	return items;
}

static void make(const struct scratch *scratch)
{
	assert_int_equal(mkdirat(scratch->fd, "20261124", 0755), 0);
	assert_int_equal(mkdirat(scratch->fd, "20261124/deeper", 0755), 0);
	assert_int_equal(mkdirat(scratch->fd, "20261125", 0755), 0);
}

static void nobody_is_there(void **state)
{
	const struct scratch *scratch = *state;
	const struct inuse *items;

	make(scratch);
	items = look(scratch);
	assert_false(items[0].is_used || items[1].is_used);
}

static void somebody_works_there(void **state)
{
	static const char *const places[] = { "20261124", "20261124/deeper" };
	const struct scratch *scratch = *state;
	autoclose int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	make(scratch);
	for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
		autoclose int fd = openat(scratch->fd, places[i], O_RDONLY | O_DIRECTORY);
		const struct inuse *items;

		assert_int_equal(fchdir(fd), 0);
		items = look(scratch);
		assert_int_equal(fchdir(here), 0);
		assert_true(items[0].is_used);
		assert_false(items[1].is_used);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(nobody_is_there),
		scratch_test(somebody_works_there),
	};

	return cmocka_run_group_tests_name("release_inuse", tests, NULL, NULL);
}
