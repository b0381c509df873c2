/* SPDX-License-Identifier: MIT */
#include "release/inuse.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Which releases processes still run from (facts R1, R5): an old worker that finishes its
 * requests, a job that takes an hour. Their paths are compared as the kernel tells them,
 * with links resolved; a unit in a mount namespace of its own has the same ones. What is
 * gone between two looks is in nobody's way, what may not be looked at is in use.
 */

#define LOOK_MAX_MS 2000

struct look {
	const char *releases;
	size_t releases_length;
	uid_t owner;
	struct inuse *items;
	size_t count;
	struct deadline deadline;
};

static void mark(const struct look *look, const char *path)
{
	const char *name = path + look->releases_length + 1;

	if (strncmp(path, look->releases, look->releases_length) != 0 ||
	    path[look->releases_length] != '/')
		return;
	for (size_t i = 0; i < look->count; i++) {
		size_t length = strlen(look->items[i].name);

		/* Behind the name: the end, more of the path, or " (deleted)". */
		if (strncmp(name, look->items[i].name, length) == 0 &&
		    strchr("/ \n", name[length]))
			look->items[i].is_used = true;
	}
}

/* 0, or -EACCES; a process that has ended is no error. */
static int look_at_links(const struct look *look, int process_fd)
{
	static const char *const links[] = { "cwd", "exe", "root" };

	for (size_t i = 0; i < ARRAY_COUNT(links); i++) {
		char path[PATH_MAX];
		ssize_t length = readlinkat(process_fd, links[i], path, sizeof(path) - 1);

		if (length < 0 && (errno == EACCES || errno == EPERM))
			return -EACCES;
		if (length < 0)
			continue;
		path[length] = '\0';
		mark(look, path);
	}
	return 0;
}

static void close_file(FILE **file)
{
	if (*file)
		(void)fclose(*file);
}

static int look_at_maps(const struct look *look, int process_fd)
{
	autoclose int fd = openat(process_fd, "maps", O_RDONLY | O_CLOEXEC);
	__attribute__((cleanup(close_file))) FILE *file =
		fd < 0 ? NULL : fdopen(fd, "re");
	autofree char *line = NULL;
	size_t size_bytes = 0;

	if (!file)
		return fd < 0 && errno == EACCES ? -EACCES : 0;
	(void)TAKE_FD(fd);
	while (getline(&line, &size_bytes, file) > 0) {
		const char *path = strchr(line, '/');

		if (path)
			mark(look, path);
		if (deadline_is_over(look->deadline))
			return -ETIME;
	}
	return 0;
}

static int look_at_process(const struct look *look, int proc_fd, const char *pid)
{
	autoclose int fd = openat(proc_fd, pid, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat status;
	int result;

	if (fd < 0 || fstat(fd, &status) < 0)
		return 0;
	result = look_at_links(look, fd);
	if (status.st_uid != look->owner)
		return 0;
	return result == 0 ? look_at_maps(look, fd) : result;
}

static void close_directory(DIR **directory)
{
	if (*directory)
		(void)closedir(*directory);
}

static int look_at_all(const struct look *look)
{
	__attribute__((cleanup(close_directory))) DIR *directory = opendir("/proc");
	const struct dirent *entry;
	int result = 0;

	if (!directory)
		return -errno;
	while (result == 0 && (entry = readdir(directory))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		result = look_at_process(look, dirfd(directory), entry->d_name);
		if (result == 0 && deadline_is_over(look->deadline))
			result = -ETIME;
	}
	return result;
}

int inuse_find(const char *releases, uid_t owner, struct inuse *items, size_t count,
	       struct error *err)
{
	const struct look look = {
		.releases = releases,
		.releases_length = strlen(releases),
		.owner = owner,
		.items = items,
		.count = count,
		.deadline = deadline_in(LOOK_MAX_MS),
	};
	int result = look_at_all(&look);

	if (result == 0)
		return 0;
	return error_set(err, result,
			 "look in /proc for processes in '%s': %s: no release is removed",
			 releases, strerror(-result));
}
