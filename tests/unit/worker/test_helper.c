/* SPDX-License-Identifier: MIT */
#include "worker/helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/scratch.h"
#include "base/text.h"

#include <errno.h>

/*
 * Helpers are sought from the place of the running program. This program is copied to
 * such a place and opens a helper there; it prints the inode of what it found.
 */

#define OPEN "--open"
#define HELPER "bootagent-test"

static int open_and_tell(const char *name)
{
	struct error err = { 0 };
	struct stat status;
	int fd = -1;

	if (helper_open(name, &fd, &err) < 0) {
		(void)printf("%s", err.text);
		return 1;
	}
	if (fstat(fd, &status) < 0 || !(fcntl(fd, F_GETFD) & FD_CLOEXEC))
		return 2;
	(void)printf("%llu", (unsigned long long)status.st_ino);
	(void)close(fd);
	return 0;
}

/* Runs the copy as `bin/PROGRAM` of the scratch directory. */
static char *run_copy(const struct scratch *scratch, const char *name)
{
	autofree char *command = text_format(
		"test -e %s/bin/program || cp /proc/%d/exe %s/bin/program; cd /; "
		"PATH=%s/path:$PATH %s/bin/program " OPEN " %s",
		scratch->path, getpid(), scratch->path, scratch->path, scratch->path,
		name);
	char output[1024] = "";
	FILE *stream = popen(command, "r");

	assert_non_null(stream);
	(void)fread(output, 1, sizeof(output) - 1, stream);
	(void)pclose(stream);
	return text_copy(output);
}

static int setup(void **state)
{
	const struct scratch *scratch;

	if (scratch_setup(state) < 0)
		return -1;
	scratch = *state;
	return mkdirat(scratch->fd, "bin", 0755) | mkdirat(scratch->fd, "path", 0755) |
		mkdirat(scratch->fd, "libexec", 0755) |
		mkdirat(scratch->fd, "libexec/bootagent", 0755);
}

static char *inode_text(const struct scratch *scratch, const char *name)
{
	struct stat status = { 0 };

	assert_int_equal(fstatat(scratch->fd, name, &status, 0), 0);
	return text_format("%llu", (unsigned long long)status.st_ino);
}

static void installed_helper_is_found(void **state)
{
	const struct scratch *scratch = *state;
	autofree char *expected = NULL;
	autofree char *found = NULL;

	assert_int_equal(scratch_put(scratch, "libexec/bootagent/" HELPER, "x", 1), 0);
	expected = inode_text(scratch, "libexec/bootagent/" HELPER);
	found = run_copy(scratch, HELPER);
	assert_string_equal(found, expected);
}

static void helper_beside_the_program_comes_first(void **state)
{
	const struct scratch *scratch = *state;
	autofree char *expected = NULL;
	autofree char *found = NULL;

	assert_int_equal(scratch_put(scratch, "libexec/bootagent/" HELPER, "x", 1), 0);
	assert_int_equal(scratch_put(scratch, "bin/" HELPER, "x", 1), 0);
	expected = inode_text(scratch, "bin/" HELPER);
	found = run_copy(scratch, HELPER);
	assert_string_equal(found, expected);
}

static void path_is_never_searched(void **state)
{
	const struct scratch *scratch = *state;
	autofree char *expected = NULL;
	autofree char *found = NULL;

	assert_int_equal(scratch_put(scratch, "path/" HELPER, "x", 1), 0);
	expected = text_format("open the helper '" HELPER "' (sought as '%s/bin/" HELPER
			       "' and '%s/bin/../libexec/bootagent/" HELPER
			       "'): No such file or directory",
			       scratch->path, scratch->path);
	found = run_copy(scratch, HELPER);
	assert_string_equal(found, expected);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(installed_helper_is_found, setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(helper_beside_the_program_comes_first,
						setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(path_is_never_searched, setup,
						scratch_teardown),
	};

	if (argc == 3 && strcmp(argv[1], OPEN) == 0)
		return open_and_tell(argv[2]);
	return cmocka_run_group_tests_name("worker_helper", tests, NULL, NULL);
}
