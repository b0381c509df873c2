/* SPDX-License-Identifier: MIT */
#ifndef TESTS_LOOP_FIXTURE_H
#define TESTS_LOOP_FIXTURE_H

#include "base/error.h"
#include "loop/loop.h"

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A loop for one test, and a look whether the test left descriptors open. */
struct fixture {
	struct loop loop;
	int fd_count;
};

static inline int fixture_count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	if (!directory)
		return -1;
	while (readdir(directory))
		count++;
	(void)closedir(directory);
	return count;
}

static inline int fixture_setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct error err;

	if (!fixture)
		return -1;
	*state = fixture;
	fixture->fd_count = fixture_count_fds();
	return loop_init(&fixture->loop, &err);
}

static inline int fixture_teardown(void **state)
{
	struct fixture *fixture = *state;
	int expected = fixture->fd_count, found;

	loop_done(&fixture->loop);
	free(fixture);
	found = fixture_count_fds();
	if (found == expected)
		return 0;
	(void)fprintf(stderr, "%d descriptors before the test, %d after\n", expected,
		      found);
	return -1;
}

/* Blocks the test itself for a moment; for the few things without an event. */
static inline void fixture_let_pass(int duration_ms)
{
	(void)poll(NULL, 0, duration_ms);
}

/* Whether the process runs: there, and not a zombie that nobody reaped yet. */
static inline int fixture_is_running(long pid)
{
	char path[64], text[512] = "";
	const char *end;
	FILE *stat_file;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	stat_file = fopen(path, "re");
	if (!stat_file)
		return 0;
	(void)fread(text, 1, sizeof(text) - 1, stat_file);
	(void)fclose(stat_file);
	end = strrchr(text, ')');
	return end && end[1] && end[2] != 'Z' && end[2] != 'X';
}

/* The same, given a second to end. */
static inline int fixture_stays_running(long pid)
{
	for (int i = 0; i < 100 && fixture_is_running(pid); i++)
		fixture_let_pass(10);
	return fixture_is_running(pid);
}

#define fixture_test(test) \
	cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

#endif
