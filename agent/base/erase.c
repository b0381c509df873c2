/* SPDX-License-Identifier: MIT */
#include "base/erase.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/wire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Removes a tree that somebody may change meanwhile. One directory is open at a time,
 * however deep the tree: what is not a directory goes at once, the names of
 * subdirectories are kept, and each is entered by descriptor, never through a link nor
 * onto another mount. The way back up is "..", believed only if it is the very directory
 * we came from: one that was moved elsewhere meanwhile must not take us along. Entries
 * that appear behind us are looked for again a few times.
 */

#define PROGRESS_INTERVAL_MS 250
#define SCANS_MAX 4
#define OWNER_ALL 0700

struct level {
	dev_t device;
	ino_t inode;
	char **names; /* subdirectories still to remove; the last one is being removed */
	size_t name_count;
	int scan_count;
};

struct erasure {
	int base_fd; /* borrowed: where the tree stands, and under which name */
	const char *base_name;
	int fd; /* the directory of the last level */
	struct level *levels;
	size_t level_count;
	int64_t entry_count;
	int64_t told_at_ms;
};

static void close_directory(DIR **directory)
{
	if (*directory)
		(void)closedir(*directory);
}

static int say_remove(const char *name, int code, struct error *err)
{
	return error_set(err, code, "remove '%s': %s: remove it by hand", name,
			 strerror(code < 0 ? -code : code));
}

static int count_entry(struct erasure *erasure, struct error *err)
{
	int64_t now_ms = clock_monotonic_ms();
	struct json_object *progress;
	int result;

	erasure->entry_count++;
	if (now_ms - erasure->told_at_ms < PROGRESS_INTERVAL_MS)
		return 0;
	erasure->told_at_ms = now_ms;
	progress = json_new_object();
	json_set_integer(progress, "removed_entries", erasure->entry_count);
	result = wire_send_progress(progress);
	if (result < 0)
		return error_set(err, result, "report progress: %s", strerror(-result));
	return 0;
}

/* RESOLVE_NO_XDEV tells a bind mount of the same file system, which st_dev does not. */
static int open_directory(int dir_fd, const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH,
	};
	long fd = syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/* By descriptor: a file that has another name elsewhere may be there by now. */
static int unlock(int dir_fd, const char *name)
{
	autoclose int fd =
		openat(dir_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autofree char *path = text_format("/proc/self/fd/%d", fd);

	return fd < 0 || chmod(path, OWNER_ALL) < 0 ? -errno : 0;
}

int erase_open(int dir_fd, const char *name, int *ret_fd, struct error *err)
{
	struct stat status;
	autoclose int fd = open_directory(dir_fd, name);

	if (fd == -EACCES && unlock(dir_fd, name) == 0)
		fd = open_directory(dir_fd, name);
	if (fd == -EXDEV)
		return error_set(err, fd,
				 "a file system is mounted on '%s': unmount it first",
				 name);
	if (fd < 0)
		return say_remove(name, fd, err);
	if (fstat(fd, &status) < 0)
		return say_remove(name, errno, err);
	/* Somebody else's mode stays; what it forbids is told entry by entry. */
	if ((status.st_mode & OWNER_ALL) != OWNER_ALL && status.st_uid == geteuid() &&
	    fchmod(fd, (status.st_mode & 07777) | OWNER_ALL) < 0)
		return say_remove(name, errno, err);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static void add_name(struct level *level, const char *name)
{
	size_t count = level->name_count;

	/* Full at every power of two: twice the room. */
	if ((count & (count - 1)) == 0)
		level->names = memory_grow(level->names, count, count ? count * 2 : 1,
					   sizeof(*level->names));
	level->names[level->name_count++] = text_copy(name);
}

static void drop_name(struct level *level)
{
	free(level->names[--level->name_count]);
}

static int remove_entry(struct erasure *erasure, const char *name, struct error *err)
{
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	if (unlinkat(erasure->fd, name, 0) == 0)
		return count_entry(erasure, err);
	if (errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return say_remove(name, errno, err);
	add_name(&erasure->levels[erasure->level_count - 1], name);
	return 0;
}

/* Empties the directory of all but its subdirectories, whose names it keeps. */
static int scan(struct erasure *erasure, struct error *err)
{
	int fd = openat(erasure->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	__attribute__((cleanup(close_directory))) DIR *directory =
		fd < 0 ? NULL : fdopendir(fd);
	int result = 0;

	if (!directory) {
		result = say_remove(".", errno, err);
		memory_close_fd(&fd);
		return result;
	}
	erasure->levels[erasure->level_count - 1].scan_count++;
	while (result == 0) {
		const struct dirent *entry;

		errno = 0;
		entry = readdir(directory);
		if (!entry)
			return errno ? say_remove(".", errno, err) : 0;
		result = remove_entry(erasure, entry->d_name, err);
	}
	return result;
}

/* Goes on in the directory, which is ours to close from now on. */
static int enter(struct erasure *erasure, int fd, struct error *err)
{
	struct stat status;

	memory_close_fd(&erasure->fd);
	erasure->fd = fd;
	if (fstat(fd, &status) < 0)
		return say_remove(".", errno, err);
	erasure->levels = memory_grow(erasure->levels, erasure->level_count,
				      erasure->level_count + 1, sizeof(*erasure->levels));
	erasure->levels[erasure->level_count++] =
		(struct level){ .device = status.st_dev, .inode = status.st_ino };
	return scan(erasure, err);
}

/* Enters the last subdirectory; one that is gone or changed since is looked for again. */
static int descend(struct erasure *erasure, struct error *err)
{
	struct level *level = &erasure->levels[erasure->level_count - 1];
	int fd = -1;
	int result =
		erase_open(erasure->fd, level->names[level->name_count - 1], &fd, err);

	if (result == -ENOENT || result == -ENOTDIR || result == -ELOOP) {
		drop_name(level);
		return 0;
	}
	return result < 0 ? result : enter(erasure, fd, err);
}

static int open_parent(const struct erasure *erasure, int *ret_fd, struct error *err)
{
	const struct level *parent = &erasure->levels[erasure->level_count - 2];
	autoclose int fd = openat(erasure->fd, "..",
				  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return say_remove("..", errno, err);
	if (status.st_dev != parent->device || status.st_ino != parent->inode)
		return error_set(
			err, ESTALE,
			"a directory was moved away as it was being removed: stop what "
			"changes it and remove it again");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static void leave_level(struct erasure *erasure, int parent_fd)
{
	struct level *level = &erasure->levels[--erasure->level_count];

	while (level->name_count > 0)
		drop_name(level);
	free(level->names);
	memory_close_fd(&erasure->fd);
	erasure->fd = parent_fd;
}

/* Removes the directory we are in, now empty, and goes on in the one above. */
static int ascend(struct erasure *erasure, struct error *err)
{
	struct level *level = &erasure->levels[erasure->level_count - 1];
	struct level *above = erasure->level_count > 1 ? level - 1 : NULL;
	const char *name =
		above ? above->names[above->name_count - 1] : erasure->base_name;
	autoclose int parent_fd = -1;
	int result = above ? open_parent(erasure, &parent_fd, err) : 0;

	if (result < 0)
		return result;
	if (unlinkat(above ? parent_fd : erasure->base_fd, name, AT_REMOVEDIR) < 0 &&
	    errno != ENOENT) {
		if (errno == ENOTEMPTY && level->scan_count < SCANS_MAX)
			return scan(erasure, err);
		return say_remove(name, errno, err);
	}
	leave_level(erasure, TAKE_FD(parent_fd));
	if (above)
		drop_name(above);
	return count_entry(erasure, err);
}

static int erase_directory(int dir_fd, const char *name, struct error *err)
{
	struct erasure erasure = {
		.base_fd = dir_fd,
		.base_name = name,
		.fd = -1,
		.told_at_ms = clock_monotonic_ms(),
	};
	int fd = -1;
	int result = erase_open(dir_fd, name, &fd, err);

	if (result == 0)
		result = enter(&erasure, fd, err);
	while (result == 0 && erasure.level_count > 0)
		result = erasure.levels[erasure.level_count - 1].name_count > 0
			? descend(&erasure, err)
			: ascend(&erasure, err);
	while (erasure.level_count > 0)
		leave_level(&erasure, -1);
	free(erasure.levels);
	memory_close_fd(&erasure.fd);
	return result;
}

int erase(int dir_fd, const char *name, struct error *err)
{
	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return say_remove(name, errno, err);
	return erase_directory(dir_fd, name, err);
}
