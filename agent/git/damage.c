/* SPDX-License-Identifier: MIT */
#include "git/damage.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/*
 * Whether it is the mirror that is damaged. -EUCLEAN is a request to have it made anew,
 * so it must not be said of a mirror that is only closed to us (libgit2 takes an object
 * that it may not read for one that is not there), nor of one just made, where whatever
 * is wrong came from the server.
 */

/* Where objects and refs lie, and what is there in an empty mirror, too. */
static const struct {
	const char *directory;
	const char *known[2];
} places[] = {
	{ "objects", { "info", "pack" } }, { "objects/pack", { "", "" } },
	{ "refs", { "heads", "tags" } },   { "refs/heads", { "", "" } },
	{ "refs/tags", { "", "" } },
};

static void close_directory(DIR **directory)
{
	if (*directory)
		(void)closedir(*directory);
}

static DIR *open_directory(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);

	if (!directory)
		memory_close_fd(&fd);
	return directory;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static bool holds_nothing(int dir_fd, const char *name, const char *const known[2])
{
	__attribute__((cleanup(close_directory))) DIR *directory =
		open_directory(dir_fd, name);
	const struct dirent *entry;

	if (!directory)
		return false;
	while ((entry = readdir(directory)))
		if (!is_dots(entry->d_name) && !text_is_equal(entry->d_name, known[0]) &&
		    !text_is_equal(entry->d_name, known[1]))
			return false;
	return true;
}

bool damage_is_possible(const char *path)
{
	autoclose int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (faccessat(dir_fd, "packed-refs", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_COUNT(places); i++)
		if (!holds_nothing(dir_fd, places[i].directory, places[i].known))
			return true;
	return false;
}

static bool is_closed(int dir_fd, const char *name)
{
	return faccessat(dir_fd, name, R_OK, AT_EACCESS) < 0 && errno == EACCES;
}

/* The first thing below `name` that we may not read, down to `depth` more directories. */
static char *find_closed(int dir_fd, const char *name, unsigned int depth)
{
	__attribute__((cleanup(close_directory))) DIR *directory =
		open_directory(dir_fd, name);
	const struct dirent *entry;
	char *found = NULL;

	if (!directory)
		return errno == EACCES ? text_copy(name) : NULL;
	while (!found && (entry = readdir(directory))) {
		if (is_dots(entry->d_name))
			continue;
		if (is_closed(dirfd(directory), entry->d_name))
			found = text_copy(entry->d_name);
		else if (depth > 0 && entry->d_type == DT_DIR)
			found = find_closed(dirfd(directory), entry->d_name, depth - 1);
	}
	return found;
}

int damage_judge(const char *path, struct error *err)
{
	autoclose int dir_fd = -1;
	autofree char *closed = NULL;

	if (err->code != -EUCLEAN)
		return err->code;
	dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	closed = find_closed(dir_fd, "objects", 1);
	if (closed)
		return error_set(
			err, EACCES,
			"no permission to read '%s' among the objects of '%s' as uid "
			"%u, gid %u: check its owner, group and mode",
			closed, path, geteuid(), getegid());
	return error_wrap(err, "the mirror '%s' is damaged", path);
}
