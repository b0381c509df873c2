/* SPDX-License-Identifier: MIT */
#include "git/reuse.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "git/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/*
 * Files that need not be unpacked, because the previous release has them. A step may have
 * changed a file in place, so one is taken only if size, inode, mtime and ctime are what
 * its own export left (manifest.c); in all other cases the blob is used.
 *
 * With hard links a file is one for all releases, and a step that wrote into it would
 * change what a rollback goes back to. So these files have no write permission: such a
 * step fails there and then with a clear error, while whatever replaces files (sed -i,
 * git, editors) works as ever. Making and removing links moves the ctime of all of them,
 * so it cannot count there.
 */

#define STORE_MODE 0755
#define MANIFESTS "manifests"
#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static const char *const ways[] = {
	[REUSE_NONE] = "none",
	[REUSE_COPY] = "copy",
	[REUSE_HARDLINK] = "hardlink",
};

static int read_way(const struct json_object *request, enum reuse_way *ret_way,
		    struct error *err)
{
	const char *way = json_string(request, "reuse");

	*ret_way = REUSE_COPY;
	if (!way)
		return 0;
	for (size_t i = 0; i < ARRAY_COUNT(ways); i++) {
		if (strcmp(ways[i], way) != 0)
			continue;
		*ret_way = (enum reuse_way)i;
		return 0;
	}
	return error_set(err, EINVAL,
			 "'%s' is no way to reuse files: none, copy or hardlink", way);
}

static char *last_name(const char *path)
{
	autofree char *copy = text_copy(path);
	const char *name = basename(copy);

	return text_is_name(name) ? text_copy(name) : NULL;
}

static int open_store(const char *path)
{
	autofree char *above = text_copy(path);
	autofree char *whole = text_copy(path);
	autoclose int above_fd =
		file_open_without_links(AT_FDCWD, dirname(above), O_RDONLY | O_DIRECTORY);
	autoclose int store_fd = -1;
	struct error ignored;
	int fd = -1;

	if (above_fd < 0 ||
	    file_make_directory(above_fd, basename(whole), STORE_MODE, &store_fd,
				&ignored) < 0 ||
	    file_make_directory(store_fd, MANIFESTS, STORE_MODE, &fd, &ignored) < 0)
		return -1;
	return fd;
}

static void open_previous(struct reuse *reuse, const struct json_object *previous)
{
	const char *directory = json_string(previous, "directory");
	const char *revision = json_string(previous, "revision");
	autofree char *name = directory ? last_name(directory) : NULL;

	if (!name || !revision ||
	    !manifest_load(&reuse->previous, reuse->store_fd, name, revision))
		return;
	reuse->previous_fd =
		file_open_without_links(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY);
}

int reuse_open(struct reuse *reuse, const struct json_object *request, struct error *err)
{
	const struct json_object *previous =
		json_member(request, "previous", json_type_object);
	const char *store = json_string(request, "store");
	const char *directory = json_string(request, "directory");
	const char *revision = json_string(request, "revision");
	int result = read_way(request, &reuse->way, err);

	if (result < 0)
		return result;
	if (!store || !directory || !revision || reuse->way == REUSE_NONE)
		return 0;
	reuse->name = last_name(directory);
	reuse->store_fd = reuse->name ? open_store(store) : -1;
	if (reuse->store_fd < 0)
		return 0;
	manifest_begin(&reuse->maker, revision);
	if (previous)
		open_previous(reuse, previous);
	return 0;
}

void reuse_done(struct reuse *reuse)
{
	manifest_done(&reuse->previous);
	manifest_drop(&reuse->maker);
	free(reuse->name);
	memory_close_fd(&reuse->store_fd);
	memory_close_fd(&reuse->previous_fd);
}

mode_t reuse_mode(const struct reuse *reuse, bool is_program)
{
	if (reuse->way == REUSE_HARDLINK)
		return is_program ? 0555 : 0444;
	return is_program ? 0755 : 0644;
}

/* Not to the file's end: its owner can move that away as fast as we come near. */
static bool copy_by_hand(int from_fd, int to_fd, size_t size_bytes)
{
	char chunk[65536];

	for (size_t done_bytes = 0; done_bytes < size_bytes;) {
		size_t left_bytes = size_bytes - done_bytes;
		ssize_t got =
			read(from_fd, chunk,
			     left_bytes < sizeof(chunk) ? left_bytes : sizeof(chunk));

		if (got <= 0 || file_write_all(to_fd, chunk, (size_t)got) < 0)
			return false;
		done_bytes += (size_t)got;
	}
	return true;
}

static bool copy_ranges(struct reuse *reuse, int from_fd, int to_fd, size_t size_bytes)
{
	size_t left_bytes = size_bytes;

	while (left_bytes > 0 && !reuse->has_no_ranges) {
		ssize_t copied =
			copy_file_range(from_fd, NULL, to_fd, NULL, left_bytes, 0);

		if (copied < 0 && left_bytes == size_bytes) {
			reuse->has_no_ranges = true;
			break;
		}
		if (copied <= 0)
			return false;
		left_bytes -= (size_t)copied;
	}
	return left_bytes == 0 || copy_by_hand(from_fd, to_fd, left_bytes);
}

static bool copy_contents(struct reuse *reuse, int from_fd, int to_fd, size_t size_bytes)
{
	if (!reuse->has_no_clones) {
		if (ioctl(to_fd, FICLONE, from_fd) == 0)
			return true;
		reuse->has_no_clones = true;
	}
	return copy_ranges(reuse, from_fd, to_fd, size_bytes);
}

/* The file is looked at once more afterwards: nobody wrote into it meanwhile. */
static bool copy_open(struct reuse *reuse, int from_fd, int to_fd,
		      const struct manifest_entry *entry, struct stat *ret_status)
{
	struct stat status;

	return fstat(from_fd, &status) == 0 && manifest_is_same(entry, &status, true) &&
		copy_contents(reuse, from_fd, to_fd, (size_t)entry->size_bytes) &&
		fstat(from_fd, &status) == 0 && manifest_is_same(entry, &status, true) &&
		fstat(to_fd, ret_status) == 0 && ret_status->st_size == entry->size_bytes;
}

static bool take_copy(struct reuse *reuse, struct reuse_place place, const char *name,
		      mode_t mode, struct stat *ret_status)
{
	const struct manifest_entry *entry = &reuse->previous.entry;
	autoclose int from_fd = openat(place.previous_fd, name,
				       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	autoclose int to_fd = -1;

	if (from_fd < 0)
		return false;
	to_fd = openat(place.dir_fd, name,
		       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (to_fd < 0)
		return false;
	if (copy_open(reuse, from_fd, to_fd, entry, ret_status) &&
	    close(TAKE_FD(to_fd)) == 0)
		return true;
	(void)unlinkat(place.dir_fd, name, 0);
	return false;
}

/* Linked first and looked at then: what is seen is what was linked. */
static bool take_link(struct reuse *reuse, struct reuse_place place, const char *name,
		      mode_t mode, struct stat *ret_status)
{
	if (linkat(place.previous_fd, name, place.dir_fd, name, 0) < 0)
		return false;
	if (fstatat(place.dir_fd, name, ret_status, AT_SYMLINK_NOFOLLOW) == 0 &&
	    manifest_is_same(&reuse->previous.entry, ret_status, false) &&
	    (ret_status->st_mode & 07777) == mode)
		return true;
	(void)unlinkat(place.dir_fd, name, 0);
	return false;
}

bool reuse_take(struct reuse *reuse, struct reuse_place place,
		const struct walk_leaf *leaf, mode_t mode, struct stat *ret_status)
{
	const struct manifest_entry *entry;
	bool is_taken;

	if (place.previous_fd < 0)
		return false;
	entry = manifest_seek(&reuse->previous, leaf->path);
	if (!entry || !git_oid_equal(&entry->id, leaf->id))
		return false;
	is_taken = reuse->way == REUSE_HARDLINK
		? take_link(reuse, place, leaf->name, mode, ret_status)
		: take_copy(reuse, place, leaf->name, mode, ret_status);
	reuse->count += is_taken;
	return is_taken;
}

/* Manifests of releases that somebody removed. */
static void sweep(int store_fd, const char *directory)
{
	autofree char *copy = text_copy(directory);
	autoclose int releases_fd =
		file_open_without_links(AT_FDCWD, dirname(copy), O_RDONLY | O_DIRECTORY);
	int fd = openat(store_fd, ".", DIRECTORY_FLAGS);
	DIR *manifests = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	struct stat status;

	file_sweep(store_fd);
	while (releases_fd >= 0 && manifests && (entry = readdir(manifests)))
		if (text_is_name(entry->d_name) &&
		    fstatat(releases_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) <
			    0 &&
		    errno == ENOENT)
			(void)unlinkat(store_fd, entry->d_name, 0);
	if (manifests)
		(void)closedir(manifests);
}

void reuse_save(struct reuse *reuse, const struct json_object *request)
{
	struct error ignored;

	if (reuse->store_fd < 0)
		return;
	sweep(reuse->store_fd, json_string(request, "directory"));
	/* Without one, the next export writes blobs. */
	if (manifest_save(&reuse->maker, reuse->store_fd, reuse->name, &ignored) < 0)
		return;
}
