/* SPDX-License-Identifier: MIT */
#include "tree/place.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A path is walked one directory at a time, each opened below the one before it and never
 * through a link: a commit that has `config -> /etc`, and a neighbour who swaps a
 * directory for a link as we come by, lead nowhere.
 */

#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define DIRECTORY_MODE 0755

static int open_or_make(int dir_fd, const char *name, enum file_durability durability,
			int *ret_fd)
{
	autoclose int fd = openat(dir_fd, name, DIRECTORY_FLAGS);

	if (fd < 0 && errno == ENOENT) {
		if (mkdirat(dir_fd, name, DIRECTORY_MODE) < 0 && errno != EEXIST)
			return -errno;
		if (durability == FILE_DURABLE && fsync(dir_fd) < 0)
			return -errno;
		fd = openat(dir_fd, name, DIRECTORY_FLAGS);
	}
	if (fd < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int say_step(int dir_fd, const char *name, const char *way, int code,
		    struct error *err)
{
	struct stat status;
	bool is_there = fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;

	if (is_there && S_ISLNK(status.st_mode))
		return error_set(err, ELOOP,
				 "'%s' is a symbolic link, and none is followed: put a "
				 "directory there",
				 way);
	if (is_there && !S_ISDIR(status.st_mode))
		return error_set(err, ENOTDIR,
				 "'%s' is no directory: put a directory there, or link "
				 "another path",
				 way);
	return error_set(err, code,
			 "open or make the directory '%s': %s: check that it belongs to "
			 "the application's user",
			 way, strerror(-code));
}

int place_open(int root_fd, const char *root, const char *path,
	       enum file_durability durability, struct place *ret_place,
	       struct error *err)
{
	autofree char *way = text_copy(path);
	autoclose int fd = openat(root_fd, ".", DIRECTORY_FLAGS);
	char *name = way;

	if (fd < 0)
		return error_set(err, errno, "open %s: %s", root, strerror(errno));
	for (char *slash; (slash = strchr(name, '/')); name = slash + 1) {
		int below_fd = -1;
		int result;

		*slash = '\0';
		result = open_or_make(fd, name, durability, &below_fd);
		if (result < 0)
			result = say_step(fd, name, way, result, err);
		if (result < 0)
			return error_wrap(err, "in %s", root);
		*slash = '/';
		memory_close_fd(&fd);
		fd = below_fd;
	}
	*ret_place = (struct place){ .fd = TAKE_FD(fd), .name = path + (name - way) };
	return 0;
}

/* From the link's directory up to deploy_to, and down again. */
char *place_target(const char *path, const char *below)
{
	autofree char *up = text_copy("../../");

	for (const char *slash = strchr(path, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		char *longer = text_format("../%s", up);

		free(up);
		up = longer;
	}
	return text_format("%s%s", up, below);
}

bool place_is_link(const struct place *place, const char *target)
{
	char found[PATH_MAX];
	ssize_t length = readlinkat(place->fd, place->name, found, sizeof(found) - 1);

	if (length < 0)
		return false;
	found[length] = '\0';
	return strcmp(found, target) == 0;
}
