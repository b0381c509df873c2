/* SPDX-License-Identifier: MIT */
#include "release/mounts.h"

#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * Who has a mount namespace of his own (a container, a unit with BindPaths=) may see a
 * directory by another name. mountinfo (proc_pid_mountinfo(5)) says which part of a file
 * system stands where, so a name here becomes one there by texts alone: nothing is opened
 * where others may have put something. A name with a blank is escaped in there, and not
 * found.
 */

struct mount {
	const char *device, *root, *point; /* borrowed from the line */
};

/* The third, fourth and fifth word. */
static bool parse(char *line, struct mount *ret_mount)
{
	char *words[5], *rest = line;

	for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
		words[i] = strsep(&rest, " ");
		if (!words[i])
			return false;
	}
	*ret_mount = (struct mount){ words[2], words[3], words[4] };
	return ret_mount->root[0] == '/' && ret_mount->point[0] == '/';
}

/* "" or "/…", what of a path lies below another one; NULL: it does not. */
static const char *rest_below(const char *path, const char *above)
{
	size_t length = strcmp(above, "/") == 0 ? 0 : strlen(above);

	if (strncmp(path, above, length) != 0)
		return NULL;
	return path[length] == '/' || path[length] == '\0' ? path + length : NULL;
}

static char *join(const char *above, const char *rest)
{
	return text_format("%s%s", strcmp(above, "/") == 0 ? "" : above, rest);
}

static void close_file(FILE **file)
{
	if (*file)
		(void)fclose(*file);
}

static int visit_lines(int process_fd,
		       void (*visit)(const struct mount *mount, void *userdata),
		       void *userdata)
{
	autoclose int fd = openat(process_fd, "mountinfo", O_RDONLY | O_CLOEXEC);
	__attribute__((cleanup(close_file))) FILE *file =
		fd < 0 ? NULL : fdopen(fd, "re");
	autofree char *line = NULL;
	size_t size_bytes = 0;

	if (!file)
		return -errno;
	(void)TAKE_FD(fd);
	while (getline(&line, &size_bytes, file) > 0) {
		struct mount mount;

		if (parse(line, &mount))
			visit(&mount, userdata);
	}
	return 0;
}

struct search {
	struct mounts_place place;
	const char *path;
	size_t point_length;
};

/* The longest mount point above it, and of several the last, which covers the others. */
static void take_if_above(const struct mount *mount, void *userdata)
{
	struct search *search = userdata;
	const char *rest = rest_below(search->path, mount->point);

	if (!rest || strlen(mount->point) < search->point_length ||
	    strlen(mount->device) >= MOUNTS_DEVICE_MAX_BYTES)
		return;
	search->point_length = strlen(mount->point);
	mounts_place_done(&search->place);
	(void)strcpy(search->place.device, mount->device);
	search->place.path = join(mount->root, rest);
}

int mounts_place_init(struct mounts_place *place, const char *path)
{
	autoclose int fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct search search = { .path = path };
	int result = fd < 0 ? -errno : visit_lines(fd, take_if_above, &search);

	if (result == 0 && !search.place.path)
		result = -ENODATA;
	if (result < 0) {
		mounts_place_done(&search.place);
		return result;
	}
	*place = search.place;
	return 0;
}

void mounts_place_done(struct mounts_place *place)
{
	free(place->path);
	*place = (struct mounts_place){ .path = NULL };
}

struct visit {
	const struct mounts_place *place;
	void (*visit)(const struct mounts_view *view, void *userdata);
	void *userdata;
};

static void look_at(const struct mount *mount, void *userdata)
{
	const struct visit *visit = userdata;
	const char *place = visit->place->path, *rest;
	struct mounts_view view = { .path = NULL };

	if (strcmp(mount->device, visit->place->device) != 0)
		return;
	rest = rest_below(place, mount->root);
	if (rest)
		view.path = join(mount->point, rest);
	else if ((rest = rest_below(mount->root, place)))
		view.below = text_copy(rest);
	if (rest)
		visit->visit(&view, visit->userdata);
	free(view.path);
	free(view.below);
}

int mounts_visit(const struct mounts_place *place, int process_fd,
		 void (*visit)(const struct mounts_view *view, void *userdata),
		 void *userdata)
{
	struct visit each = { place, visit, userdata };

	return visit_lines(process_fd, look_at, &each);
}
