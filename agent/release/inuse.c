/* SPDX-License-Identifier: MIT */
#include "release/inuse.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/process.h"
#include "release/mounts.h"

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
 * with links resolved; where another mount shows the releases by another name (a
 * container, BindPaths=), those names are compared, too (mounts.c). What is gone
 * between two looks is in nobody's way, what may not be looked at is in use.
 */

#define LOOK_MAX_MS 2000
#define NAMESPACE_MAX_BYTES 64

struct look {
	const char *releases;
	size_t releases_length;
	uid_t owner;
	const struct mounts_place *place; /* the same as a file system has it */
	struct inuse *items;
	size_t count;
	struct deadline deadline;
	bool has_one_name; /* in our own mount namespace, which is this: */
	char own_namespace[NAMESPACE_MAX_BYTES];
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

static int look_at_one(const struct look *look, int process_fd, bool is_owners)
{
	int result = look_at_links(look, process_fd);

	if (!is_owners)
		return 0;
	return result == 0 ? look_at_maps(look, process_fd) : result;
}

struct elsewhere {
	const struct look *look;
	int process_fd;
	bool is_owners;
	int result;
};

/* A release that is mounted by itself is in use as long as the mount is there. */
static void look_elsewhere(const struct mounts_view *view, void *userdata)
{
	struct elsewhere *elsewhere = userdata;
	struct look look = *elsewhere->look;
	int result = 0;

	look.releases = view->path ? view->path : "";
	look.releases_length = strlen(look.releases);
	if (view->below)
		mark(&look, view->below);
	else if (strcmp(view->path, elsewhere->look->releases) != 0)
		result = look_at_one(&look, elsewhere->process_fd, elsewhere->is_owners);
	if (result < 0)
		elsewhere->result = result;
}

static void read_namespace(int process_fd, char ret_text[static NAMESPACE_MAX_BYTES])
{
	ssize_t length =
		readlinkat(process_fd, "ns/mnt", ret_text, NAMESPACE_MAX_BYTES - 1);

	ret_text[length > 0 ? length : 0] = '\0';
}

/* By the names that other mounts give the releases, if there are any. */
static int look_at_mounts(const struct look *look, int process_fd, bool is_owners)
{
	struct elsewhere elsewhere = { look, process_fd, is_owners, 0 };
	char namespace[NAMESPACE_MAX_BYTES];

	read_namespace(process_fd, namespace);
	if (!look->place || !namespace[0] ||
	    (look->has_one_name && strcmp(namespace, look->own_namespace) == 0))
		return 0;
	/* One that has ended meanwhile, or is the kernel's, has none. */
	if (mounts_visit(look->place, process_fd, look_elsewhere, &elsewhere) < 0)
		return 0;
	return elsewhere.result;
}

static int look_at_process(pid_t pid, int process_fd, void *userdata)
{
	const struct look *look = userdata;
	struct stat status;
	bool is_owners;
	int result;

	(void)pid;
	if (process_fd < 0 || fstat(process_fd, &status) < 0)
		return 0;
	is_owners = status.st_uid == look->owner;
	result = look_at_one(look, process_fd, is_owners);
	return result == 0 ? look_at_mounts(look, process_fd, is_owners) : result;
}

static int look_at_all(struct look *look)
{
	autoclose int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : process_each(fd, look->deadline, look_at_process, look);
}

static void count_view(const struct mounts_view *view __attribute__((unused)),
		       void *userdata)
{
	++*(size_t *)userdata;
}

static void look_at_own_mounts(struct look *look)
{
	autoclose int fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t count = 0;

	read_namespace(fd, look->own_namespace);
	look->has_one_name = look->place &&
		mounts_visit(look->place, fd, count_view, &count) == 0 && count == 1;
}

int inuse_find(const char *releases, uid_t owner, struct inuse *items, size_t count,
	       struct error *err)
{
	__attribute__((
		cleanup(mounts_place_done))) struct mounts_place place = { .path = NULL };
	struct look look = {
		.releases = releases,
		.releases_length = strlen(releases),
		.owner = owner,
		.items = items,
		.count = count,
		.deadline = deadline_in(LOOK_MAX_MS),
	};
	int result;

	/* In a chroot there may be none to be seen: then there is one name. */
	if (mounts_place_init(&place, releases) == 0)
		look.place = &place;
	look_at_own_mounts(&look);
	result = look_at_all(&look);
	if (result == 0)
		return 0;
	return error_set(err, result,
			 "look in /proc for processes in '%s': %s: no release is removed",
			 releases, strerror(-result));
}
