/* SPDX-License-Identifier: MIT */
#include "state/places.h"

#include "base/error.h"
#include "base/file.h"
#include "base/identity.h"
#include "base/memory.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Where things are. Every path of the system is opened below one root directory with
 * openat2(RESOLVE_IN_ROOT), so that --root works for tests and images and an absolute
 * link inside the root cannot lead out of it. Afterwards only descriptors are used.
 */

#define RUN_DIRECTORY "/run/bootagent"
#define STEPS_DIRECTORY "steps"
#define STEPS_MODE 0700
#define STATE_DIRECTORY "/var/lib/bootagent"
#define CACHE_DIRECTORY "/var/cache/bootagent"

int places_open(const struct places *places, const char *path, int flags, int *ret_fd,
		struct error *err)
{
	int fd = file_open_inside(places->root_fd, path, flags);

	if (fd < 0)
		return error_set(err, fd, "open '%s': %s", path, strerror(-fd));
	*ret_fd = fd;
	return 0;
}

/* Splits "/a/b/c" into "/a/b" and "c". */
static char *parent_of(const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	char *parent;

	*ret_name = slash + 1;
	parent = text_format("%.*s", (int)(slash - path), path);
	if (parent[0] == '\0') {
		free(parent);
		return text_copy("/");
	}
	return parent;
}

/* Opens a directory, making it and what is missing above it as ours. */
static int make_directory(int root_fd, const char *path)
{
	autofree char *parent = NULL;
	autoclose int parent_fd = -1;
	const char *name;
	int fd = file_open_inside(root_fd, path, O_RDONLY | O_DIRECTORY);

	if (fd != -ENOENT || strcmp(path, "/") == 0)
		return fd;
	parent = parent_of(path, &name);
	/* As deep as the path is long: the configuration bounds it. */
	parent_fd = make_directory(root_fd, parent);
	if (parent_fd < 0)
		return parent_fd;
	if (mkdirat(parent_fd, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int make_own(const struct places *places, const char *path, int *ret_fd,
		    struct error *err)
{
	int fd = make_directory(places->root_fd, path);

	if (fd < 0)
		return error_set(err, fd, "make the directory '%s': %s%s", path,
				 strerror(-fd), geteuid() == 0 ? "" : "; are you root?");
	*ret_fd = fd;
	return 0;
}

static int open_root(struct places *places, const char *root, struct error *err)
{
	*places = (struct places){ .root_fd = -1,
				   .run_fd = -1,
				   .steps_fd = -1,
				   .state_fd = -1,
				   .cache_fd = -1 };
	places->root = text_copy(root);
	places->root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (places->root_fd < 0)
		return error_set(err, errno, "open the root directory '%s': %s", root,
				 strerror(errno));
	return 0;
}

int places_init(struct places *places, const char *root, struct error *err)
{
	int result = open_root(places, root, err);

	if (result == 0)
		result = make_own(places, RUN_DIRECTORY, &places->run_fd, err);
	if (result == 0)
		result = file_make_directory(places->run_fd, STEPS_DIRECTORY, STEPS_MODE,
					     &places->steps_fd, err);
	if (result == 0)
		result = make_own(places, STATE_DIRECTORY, &places->state_fd, err);
	if (result == 0)
		result = make_own(places, CACHE_DIRECTORY, &places->cache_fd, err);
	if (result < 0)
		places_done(places);
	return result;
}

int places_init_reader(struct places *places, const char *root, struct error *err)
{
	int fd, result = open_root(places, root, err);

	if (result < 0) {
		places_done(places);
		return result;
	}
	fd = file_open_inside(places->root_fd, RUN_DIRECTORY, O_RDONLY | O_DIRECTORY);
	places->run_fd = fd < 0 ? -1 : fd;
	return 0;
}

static void close_place(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void places_done(struct places *places)
{
	close_place(&places->root_fd);
	close_place(&places->run_fd);
	close_place(&places->steps_fd);
	close_place(&places->state_fd);
	close_place(&places->cache_fd);
	free(places->root);
	places->root = NULL;
}

/* A parent that others may write to could swap what we make before we own it. */
static int check_parent(int parent_fd)
{
	struct stat status;

	if (fstat(parent_fd, &status) < 0)
		return -errno;
	if (status.st_uid != 0 && status.st_uid != geteuid())
		return -EPERM;
	return (status.st_mode & (S_IWGRP | S_IWOTH)) && !(status.st_mode & S_ISVTX)
		? -EPERM
		: 0;
}

/*
 * Walks down from the root through no link; every directory on the way must be root's or
 * ours and nobody else's to change, or what we make could be put elsewhere. Those that
 * are missing are made as ours.
 */
static int open_trusted(int root_fd, const char *path)
{
	autofree char *components = text_copy(path);
	autoclose int fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result = fd < 0 ? -errno : check_parent(fd);
	char *rest = components, *name;

	while (result == 0 && (name = strsep(&rest, "/"))) {
		int next_fd;

		if (*name == '\0')
			continue;
		if (mkdirat(fd, name, 0755) < 0 && errno != EEXIST)
			return -errno;
		next_fd =
			openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next_fd < 0)
			return -errno;
		memory_close_fd(&fd);
		fd = next_fd;
		result = check_parent(fd);
	}
	return result < 0 ? result : TAKE_FD(fd);
}

static int give(int fd, const struct places_directory *directory)
{
	if (directory->owner && geteuid() == 0 &&
	    fchown(fd, directory->owner->uid, directory->group) < 0)
		return -errno;
	/* After the change of owner, which clears the set-group-id bit. */
	return fchmod(fd, directory->mode) < 0 ? -errno : 0;
}

static bool belongs_to(const struct stat *status, const struct identity *owner)
{
	return status->st_uid == (owner && geteuid() == 0 ? owner->uid : geteuid());
}

static bool is_empty(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	bool is_found = false;

	if (!directory) {
		memory_close_fd(&fd);
		return false;
	}
	while (!is_found && (entry = readdir(directory)))
		is_found = strcmp(entry->d_name, ".") != 0 &&
			strcmp(entry->d_name, "..") != 0;
	(void)closedir(directory);
	return !is_found;
}

/*
 * What a killed run of ours left between making a directory and giving it away. Others
 * with this mode exist (/root): only an empty one is taken for it.
 */
static bool is_half_made(int fd, const struct stat *status, const struct identity *owner)
{
	return (status->st_mode & 07777) == 0700 &&
		(status->st_uid == geteuid() || belongs_to(status, owner)) &&
		is_empty(fd);
}

/*
 * Opens `name` in the parent, made and given away if it was missing. What root has made
 * and not yet given away (a killed run) is given now.
 */
static int make_in(int parent_fd, const char *name,
		   const struct places_directory *directory)
{
	bool is_new = mkdirat(parent_fd, name, 0700) == 0;
	autoclose int fd = -1;
	struct stat status;
	int result;

	if (!is_new && errno != EEXIST)
		return -errno;
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) < 0)
		return -errno;
	if (is_half_made(fd, &status, directory->owner))
		is_new = true;
	if (!is_new && !belongs_to(&status, directory->owner))
		return -EPERM;
	result = is_new ? give(fd, directory) : 0;
	return result < 0 ? result : TAKE_FD(fd);
}

/* Opens a directory that is there, whole and its owner's; else -ENOENT. */
static int open_present(int root_fd, const struct places_directory *directory)
{
	autoclose int fd =
		file_open_inside(root_fd, directory->path, O_RDONLY | O_DIRECTORY);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return -ENOENT;
	if (!belongs_to(&status, directory->owner) ||
	    is_half_made(fd, &status, directory->owner))
		return -ENOENT;
	return TAKE_FD(fd);
}

static int refuse_present(const struct places_directory *directory, int result,
			  struct error *err)
{
	const char *owner = directory->owner ? directory->owner->name : "root";

	if (result == -EPERM && directory->is_cache)
		return error_set(
			err, EPERM,
			"'%s' exists and does not belong to '%s': give it to that user "
			"with all that is in it, or remove it, and it is made anew",
			directory->path, owner);
	if (result == -EPERM)
		return error_set(
			err, EPERM,
			"'%s' exists and does not belong to '%s': give it to that user, "
			"or name another place",
			directory->path, owner);
	if (result == -ENOTDIR || result == -ELOOP)
		return error_set(err, ENOTDIR,
				 "something stands at '%s' that is no directory: move it "
				 "away",
				 directory->path);
	return error_set(err, result, "make the directory '%s': %s", directory->path,
			 strerror(-result));
}

static int make_present(int root_fd, const struct places_directory *directory,
			struct error *err)
{
	const char *name = NULL;
	autofree char *parent = parent_of(directory->path, &name);
	autoclose int parent_fd = open_trusted(root_fd, parent);
	int result;

	if (parent_fd == -EPERM)
		return error_set(
			err, EPERM,
			"'%s' or a directory above it can be changed by other "
			"users than root: make '%s' yourself and give it to '%s'",
			parent, directory->path,
			directory->owner ? directory->owner->name : "root");
	if (parent_fd == -ELOOP || parent_fd == -ENOTDIR)
		return error_set(err, ENOTDIR,
				 "the path '%s' leads through a link or a file: name the "
				 "real directory",
				 parent);
	if (parent_fd < 0)
		return error_set(err, parent_fd, "make the directory '%s': %s",
				 directory->path, strerror(-parent_fd));
	result = make_in(parent_fd, name, directory);
	return result < 0 ? refuse_present(directory, result, err) : result;
}

int places_make_owned(const struct places *places,
		      const struct places_directory *directory, int *ret_fd,
		      struct error *err)
{
	int fd = open_present(places->root_fd, directory);

	if (fd < 0)
		fd = make_present(places->root_fd, directory, err);
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

int places_path_of(int fd, char **ret_path, struct error *err)
{
	autofree char *link = text_format("/proc/self/fd/%d", fd);
	char path[PATH_MAX];
	ssize_t length = readlink(link, path, sizeof(path) - 1);

	if (length < 0)
		return error_set(err, errno, "find a directory's path: %s",
				 strerror(errno));
	path[length] = '\0';
	*ret_path = text_copy(path);
	return 0;
}
