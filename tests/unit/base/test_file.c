/* SPDX-License-Identifier: MIT */
#include "base/file.h"

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

#define RENAMED_OPENS 20000

/* Files and links as others see them: whole or not at all, and never through a link. */

static void write_then_read(void **state)
{
	const struct scratch *scratch = *state;
	autofree char *data = NULL;
	struct error err = { 0 };
	size_t length_bytes = 0;

	assert_int_equal(file_write(scratch->fd, "f", "one\n", 0644, FILE_DURABLE, &err),
			 0);
	assert_int_equal(file_read(scratch->fd, "f", 100, &data, &length_bytes, &err), 0);
	assert_string_equal(data, "one\n");
	assert_int_equal(length_bytes, 4);
	assert_int_equal(scratch_count(scratch), 1);
}

static void write_replaces_and_sets_the_mode(void **state)
{
	const struct scratch *scratch = *state;
	mode_t before = umask(077);
	struct error err = { 0 };
	struct stat old, new;

	assert_int_equal(scratch_put(scratch, "f", "old", 3), 0);
	assert_int_equal(fstatat(scratch->fd, "f", &old, 0), 0);
	assert_int_equal(file_write(scratch->fd, "f", "", 0664, FILE_VOLATILE, &err), 0);
	assert_int_equal(fstatat(scratch->fd, "f", &new, 0), 0);
	assert_int_equal(new.st_size, 0);
	assert_int_equal(new.st_mode & 07777, 0664);
	assert_int_not_equal(new.st_ino, old.st_ino);
	assert_int_equal(scratch_count(scratch), 1);
	(void)umask(before);
}

static void move_gives_another_name(void **state)
{
	const struct scratch *scratch = *state;
	struct error err = { 0 };

	assert_int_equal(mkdirat(scratch->fd, "d", 0755), 0);
	assert_int_equal(mkdirat(scratch->fd, "d/in", 0755), 0);
	assert_int_equal(file_move(scratch->fd, "d", "e", &err), 0);
	assert_int_equal(faccessat(scratch->fd, "e/in", F_OK, 0), 0);
	assert_int_equal(mkdirat(scratch->fd, "d", 0755), 0);
	assert_int_equal(file_move(scratch->fd, "d", "e", &err), -ENOTEMPTY);
	assert_string_equal(err.text, "rename 'd' to 'e': Directory not empty");
	assert_int_equal(file_move(scratch->fd, "none", "f", &err), -ENOENT);
	assert_int_equal(scratch_count(scratch), 2);
}

static void write_replaces_a_link_and_not_its_target(void **state)
{
	const struct scratch *scratch = *state;
	struct error err = { 0 };
	struct stat status;

	assert_int_equal(scratch_put(scratch, "target", "kept", 4), 0);
	assert_int_equal(symlinkat("target", scratch->fd, "f"), 0);
	assert_int_equal(file_write(scratch->fd, "f", "x", 0600, FILE_DURABLE, &err), 0);
	assert_int_equal(fstatat(scratch->fd, "f", &status, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(status.st_mode));
	assert_int_equal(fstatat(scratch->fd, "target", &status, 0), 0);
	assert_int_equal(status.st_size, 4);
}

static void write_that_fails_leaves_nothing(void **state)
{
	const struct scratch *scratch = *state;
	struct error err = { 0 };

	assert_int_equal(mkdirat(scratch->fd, "d", 0700), 0);
	assert_int_equal(file_write(scratch->fd, "d", "x", 0600, FILE_DURABLE, &err),
			 -EISDIR);
	assert_non_null(strstr(err.text, "'d'"));
	assert_int_equal(file_write(scratch->fd, "no/f", "x", 0600, FILE_DURABLE, &err),
			 -ENOENT);
	assert_int_equal(scratch_count(scratch), 1);
	assert_int_equal(file_write(-1, "f", "x", 0600, FILE_DURABLE, &err), -EBADF);
}

static void read_limits(void **state)
{
	const struct scratch *scratch = *state;
	autofree char *data = NULL;
	struct error err = { 0 };
	size_t length_bytes = 0;

	assert_int_equal(scratch_put(scratch, "f", "a\0bc", 4), 0);
	assert_int_equal(file_read(scratch->fd, "f", 3, &data, &length_bytes, &err),
			 -EFBIG);
	assert_null(data);
	assert_int_equal(file_read(scratch->fd, "f", 4, &data, &length_bytes, &err), 0);
	assert_int_equal(length_bytes, 4);
	assert_memory_equal(data, "a\0bc", 5);
}

/* Files of the kernel say they are empty, and are read all the same. */
static void read_does_not_trust_the_size(void **state)
{
	autofree char *data = NULL;
	struct error err = { 0 };
	size_t length_bytes = 0;

	(void)state;
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/status", 16384, &data,
				   &length_bytes, &err),
			 0);
	assert_true(length_bytes > 100);
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/status", 100, &data, NULL, &err),
			 -EFBIG);
}

static void read_takes_regular_files_only(void **state)
{
	const struct scratch *scratch = *state;
	autofree char *data = NULL;
	struct error err = { 0 };

	assert_int_equal(file_read(scratch->fd, "none", 10, &data, NULL, &err), -ENOENT);
	assert_int_equal(mkdirat(scratch->fd, "d", 0700), 0);
	assert_int_equal(file_read(scratch->fd, "d", 10, &data, NULL, &err), -EINVAL);
	assert_int_equal(scratch_put(scratch, "f", "x", 1), 0);
	assert_int_equal(symlinkat("f", scratch->fd, "l"), 0);
	assert_int_equal(file_read(scratch->fd, "l", 10, &data, NULL, &err), -ELOOP);
	/* nobody writes into it: it must not hold us up */
	assert_int_equal(mkfifoat(scratch->fd, "p", 0600), 0);
	assert_int_equal(file_read(scratch->fd, "p", 10, &data, NULL, &err), -EINVAL);
	assert_null(data);
}

static void assert_link(const struct scratch *scratch, const char *name,
			const char *target)
{
	char text[64] = "";

	assert_true(readlinkat(scratch->fd, name, text, sizeof(text) - 1) >= 0);
	assert_string_equal(text, target);
}

static void link_is_made_and_moved(void **state)
{
	const struct scratch *scratch = *state;
	struct error err = { 0 };

	assert_int_equal(file_link(scratch->fd, "current", "releases/1", FILE_DURABLE,
				   &err),
			 0);
	assert_link(scratch, "current", "releases/1");
	assert_int_equal(file_link(scratch->fd, "current", "releases/2", FILE_DURABLE,
				   &err),
			 0);
	assert_link(scratch, "current", "releases/2");
	assert_int_equal(scratch_count(scratch), 1);
}

static void link_moves_off_a_directory(void **state)
{
	const struct scratch *scratch = *state;
	struct error err = { 0 };
	struct stat status;

	/* a link to a directory is replaced, not entered */
	assert_int_equal(mkdirat(scratch->fd, "d", 0700), 0);
	assert_int_equal(symlinkat("d", scratch->fd, "current"), 0);
	assert_int_equal(file_link(scratch->fd, "current", "new", FILE_DURABLE, &err), 0);
	assert_link(scratch, "current", "new");
	assert_int_equal(file_link(scratch->fd, "d", "new", FILE_DURABLE, &err), -EISDIR);
	assert_non_null(strstr(err.text, "'d' is a directory"));
	assert_int_equal(fstatat(scratch->fd, "d", &status, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISDIR(status.st_mode));
	assert_int_equal(scratch_count(scratch), 2);
	assert_int_equal(file_link(scratch->fd, "x", "", FILE_DURABLE, &err), -ENOENT);
}

static void remove_is_content_with_nothing(void **state)
{
	const struct scratch *scratch = *state;
	struct error err = { 0 };

	assert_int_equal(scratch_put(scratch, "f", "x", 1), 0);
	assert_int_equal(symlinkat("f", scratch->fd, "l"), 0);
	assert_int_equal(file_remove(scratch->fd, "l", &err), 0);
	assert_int_equal(scratch_count(scratch), 1);
	assert_int_equal(file_remove(scratch->fd, "f", &err), 0);
	assert_int_equal(file_remove(scratch->fd, "f", &err), 0);
	assert_int_equal(mkdirat(scratch->fd, "d", 0700), 0);
	assert_int_equal(file_remove(scratch->fd, "d", &err), -EISDIR);
	assert_int_equal(scratch_count(scratch), 1);
}

static void directory_is_made_or_opened(void **state)
{
	const struct scratch *scratch = *state;
	autoclose int first = -1;
	autoclose int second = -1;
	struct error err = { 0 };
	struct stat a, b;

	assert_int_equal(file_make_directory(scratch->fd, "d", 0750, &first, &err), 0);
	assert_int_equal(file_make_directory(scratch->fd, "d", 0700, &second, &err), 0);
	assert_int_equal(fstat(first, &a), 0);
	assert_int_equal(fstat(second, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_int_equal(b.st_mode & 0777, 0750);
	assert_true(fcntl(first, F_GETFD) & FD_CLOEXEC);
}

static void directory_is_never_a_link(void **state)
{
	const struct scratch *scratch = *state;
	struct error err = { 0 };
	int fd = -1;

	assert_int_equal(mkdirat(scratch->fd, "d", 0700), 0);
	assert_int_equal(symlinkat("d", scratch->fd, "l"), 0);
	assert_int_equal(file_make_directory(scratch->fd, "l", 0700, &fd, &err),
			 -ENOTDIR);
	assert_int_equal(symlinkat("none", scratch->fd, "dangling"), 0);
	assert_int_equal(file_make_directory(scratch->fd, "dangling", 0700, &fd, &err),
			 -ENOTDIR);
	assert_int_equal(scratch_put(scratch, "f", "x", 1), 0);
	assert_int_equal(file_make_directory(scratch->fd, "f", 0700, &fd, &err),
			 -ENOTDIR);
	assert_int_equal(fd, -1);
	assert_int_equal(scratch_count(scratch), 4);
}

static void sweep_takes_our_litter_only(void **state)
{
	const struct scratch *scratch = *state;

	assert_int_equal(scratch_put(scratch, ".tmp-0123456789abcdef", "x", 1), 0);
	assert_int_equal(symlinkat("kept", scratch->fd, ".tmp-0000000000000000"), 0);
	assert_int_equal(scratch_put(scratch, "kept", "x", 1), 0);
	assert_int_equal(scratch_put(scratch, ".tmp-", "x", 1), 0);
	assert_int_equal(scratch_put(scratch, ".tmp-0123456789abcde", "x", 1), 0);
	assert_int_equal(scratch_put(scratch, ".tmp-0123456789abcdef0", "x", 1), 0);
	assert_int_equal(mkdirat(scratch->fd, ".tmp-1111111111111111", 0700), 0);
	file_sweep(scratch->fd);
	assert_int_equal(scratch_count(scratch), 5);
	assert_int_equal(faccessat(scratch->fd, ".tmp-0123456789abcdef", F_OK, 0), -1);
	assert_int_equal(faccessat(scratch->fd, "kept", F_OK, 0), 0);
	file_sweep(-1);
}

static void write_all_says_why_not(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(file_write_all(ends[1], "abc", 3), 0);
	assert_int_equal(file_write_all(ends[1], "", 0), 0);
	assert_int_equal(file_write_all(ends[0], "abc", 3), -EBADF);
	{
		autofree char *much = memory_new(1024 * 1024, 1);

		assert_int_equal(file_write_all(ends[1], much, 1024 * 1024), -EAGAIN);
	}
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void no_link_on_the_way(void **state)
{
	const struct scratch *scratch = *state;
	int fd;

	assert_int_equal(mkdirat(scratch->fd, "a", 0700), 0);
	assert_int_equal(mkdirat(scratch->fd, "a/b", 0700), 0);
	assert_int_equal(symlinkat("a", scratch->fd, "link"), 0);
	fd = file_open_without_links(scratch->fd, "a/b", O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(file_open_without_links(scratch->fd, "link/b", O_RDONLY),
			 -ELOOP);
	assert_int_equal(file_open_without_links(scratch->fd, "link", O_RDONLY), -ELOOP);
	assert_int_equal(file_open_without_links(scratch->fd, "none", O_RDONLY), -ENOENT);
}

/* Renames on and on, as a neighbour would, until it is killed. */
static pid_t start_renames(const struct scratch *scratch)
{
	pid_t child = fork();

	if (child != 0)
		return child;
	for (;;) {
		(void)renameat(scratch->fd, "x", scratch->fd, "y");
		(void)renameat(scratch->fd, "y", scratch->fd, "x");
	}
}

/* A link with ".." in it is followed, whatever is renamed elsewhere meanwhile. */
static void renames_elsewhere_keep_nobody_out(void **state)
{
	const struct scratch *scratch = *state;
	int failure = 0;
	pid_t child;

	assert_int_equal(mkdirat(scratch->fd, "x", 0700), 0);
	assert_int_equal(mkdirat(scratch->fd, "a", 0700), 0);
	assert_int_equal(symlinkat("../a/../a/../a/../a", scratch->fd, "a/link"), 0);
	child = start_renames(scratch);
	assert_true(child > 0);
	for (int i = 0; failure == 0 && i < RENAMED_OPENS; i++) {
		int fd = file_open_inside(scratch->fd, "a/link", O_RDONLY | O_DIRECTORY);

		failure = fd < 0 ? fd : 0;
		if (fd >= 0)
			(void)close(fd);
	}
	(void)kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(failure, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(write_then_read),
		scratch_test(write_replaces_and_sets_the_mode),
		scratch_test(move_gives_another_name),
		scratch_test(write_replaces_a_link_and_not_its_target),
		scratch_test(write_that_fails_leaves_nothing),
		scratch_test(read_limits),
		cmocka_unit_test(read_does_not_trust_the_size),
		scratch_test(read_takes_regular_files_only),
		scratch_test(link_is_made_and_moved),
		scratch_test(link_moves_off_a_directory),
		scratch_test(remove_is_content_with_nothing),
		scratch_test(directory_is_made_or_opened),
		scratch_test(directory_is_never_a_link),
		scratch_test(sweep_takes_our_litter_only),
		scratch_test(no_link_on_the_way),
		scratch_test(renames_elsewhere_keep_nobody_out),
		cmocka_unit_test(write_all_says_why_not),
	};

	return cmocka_run_group_tests_name("base_file", tests, NULL, NULL);
}
