/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BASE_SCRATCH_H
#define TESTS_BASE_SCRATCH_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * An empty directory for one test, removed with all that is in it. cmocka's assertions
 * jump out of a test, so it lives in the test's state: setup makes it, teardown ends it.
 */
struct scratch {
	char path[32];
	int fd;
};

static inline int scratch_setup(void **state)
{
	struct scratch *scratch = calloc(1, sizeof(*scratch));

	if (!scratch)
		return -1;
	*state = scratch;
	(void)strcpy(scratch->path, "/tmp/bootagent-test.XXXXXX");
	if (!mkdtemp(scratch->path))
		return -1;
	scratch->fd = open(scratch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return scratch->fd < 0 ? -1 : 0;
}

static inline int scratch_remove_entry(const char *path, const struct stat *status,
				       int kind, struct FTW *where)
{
	(void)status;
	(void)kind;
	(void)where;
	return remove(path);
}

static inline int scratch_teardown(void **state)
{
	struct scratch *scratch = *state;

	(void)close(scratch->fd);
	(void)nftw(scratch->path, scratch_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(scratch);
	return 0;
}

/* Makes a file of the test's own, not through base/. */
static inline int scratch_put(const struct scratch *scratch, const char *name,
			      const char *data, size_t length_bytes)
{
	int fd =
		openat(scratch->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ssize_t written = fd < 0 ? -1 : write(fd, data, length_bytes);

	if (fd >= 0)
		(void)close(fd);
	return written == (ssize_t)length_bytes ? 0 : -1;
}

/* How many entries the directory has. */
static inline int scratch_count(const struct scratch *scratch)
{
	char command[64];
	int count = -1;
	FILE *listing;

	(void)snprintf(command, sizeof(command), "ls -A %s | wc -l", scratch->path);
	listing = popen(command, "r");
	if (!listing)
		return -1;
	if (fscanf(listing, "%d", &count) != 1)
		count = -1;
	(void)pclose(listing);
	return count;
}

#define scratch_test(test) \
	cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

#endif
