/* SPDX-License-Identifier: MIT */
#include "tree/tree.h"

#include "base/erase.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/wire.h"
#include "tree/current.h"
#include "tree/layout.h"
#include "tree/outprune.h"
#include "tree/request.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Pruning. Which releases go is the supervisor's decision; here it is only made sure that
 * `current` is never among them, whatever the list says: by name, and by inode for a link
 * that reaches the release in words of its own. It is asked before the first removal and
 * again before each one, since a person may roll back with `cap` meanwhile.
 */

static bool is_same_directory(const struct layout *layout, int releases_fd,
			      const char *name)
{
	struct stat serving, listed;

	return fstatat(layout->fd, "current", &serving, 0) == 0 &&
		fstatat(releases_fd, name, &listed, AT_SYMLINK_NOFOLLOW) == 0 &&
		serving.st_dev == listed.st_dev && serving.st_ino == listed.st_ino;
}

static int refuse_current(const struct layout *layout, int releases_fd, const char *name,
			  struct error *err)
{
	autocurrent struct current current = { 0 };
	int result = current_read(layout, &current, err);

	if (result < 0)
		return result;
	if (!text_is_equal(current.release, name) &&
	    !is_same_directory(layout, releases_fd, name))
		return 0;
	return error_set(
		err, EBUSY,
		"'current' in '%s' means the release '%s', so it is not removed: "
		"activate another one first",
		layout->path, name);
}

/* Without REVISION, what a kill leaves of the release is never activated. */
static int remove_revision(int releases_fd, const char *name, struct error *err)
{
	autoclose int fd = -1;
	int result = erase_open(releases_fd, name, &fd, err);

	/* No directory at that name: erase() deals with it. */
	if (layout_is_absent(result))
		return 0;
	if (result == 0)
		result = file_remove(fd, "REVISION", err);
	if (result == 0 || result == -EISDIR)
		return 0;
	return error_wrap(err, "remove it by hand");
}

static int remove_release(const struct layout *layout, int releases_fd, const char *name,
			  bool *ret_was_there, struct error *err)
{
	struct json_object *progress;
	struct stat status;
	int result;

	if (fstatat(releases_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0 &&
	    errno == ENOENT) {
		*ret_was_there = false;
		return 0;
	}
	result = refuse_current(layout, releases_fd, name, err);
	if (result < 0)
		return result;
	progress = json_new_object();
	json_set_string(progress, "release", name);
	result = wire_send_progress(progress);
	if (result < 0)
		return error_set(err, result, "report progress: %s", strerror(-result));
	result = remove_revision(releases_fd, name, err);
	if (result == 0)
		result = erase(releases_fd, name, err);
	if (result < 0)
		return error_wrap(err, "remove the release '%s'", name);
	*ret_was_there = true;
	return 0;
}

static int remove_all(const struct layout *layout, int releases_fd,
		      struct json_object *names, int64_t *ret_count, struct error *err)
{
	int64_t count = 0;

	for (size_t i = 0; i < json_object_array_length(names); i++) {
		const char *name =
			json_object_get_string(json_object_array_get_idx(names, i));
		bool was_there = false;
		int result = remove_release(layout, releases_fd, name, &was_there, err);

		if (result < 0)
			return result;
		count += was_there;
	}
	if (fsync(releases_fd) < 0)
		return error_set(err, errno, "write 'releases' to the disk: %s",
				 strerror(errno));
	*ret_count = count;
	return 0;
}

static int refuse_any_current(const struct layout *layout, int releases_fd,
			      struct json_object *names, struct error *err)
{
	int result = 0;

	for (size_t i = 0; result == 0 && i < json_object_array_length(names); i++)
		result = refuse_current(layout, releases_fd,
					json_object_get_string(
						json_object_array_get_idx(names, i)),
					err);
	return result;
}

static int prune(const struct layout *layout, struct json_object *names,
		 int64_t *ret_count, struct error *err)
{
	autoclose int releases_fd = -1;
	int result = layout_open_releases(layout, &releases_fd, err);

	if (result == -ENOENT) {
		*ret_count = 0;
		return 0;
	}
	if (result == 0)
		result = refuse_any_current(layout, releases_fd, names, err);
	if (result == 0)
		result = remove_all(layout, releases_fd, names, ret_count, err);
	return result;
}

int tree_remove(const struct json_object *request, struct json_object **ret_result,
		struct error *err)
{
	const struct json_object *outputs =
		json_member(request, "outputs", json_type_object);
	autojson struct json_object *reply = json_new_object();
	autolayout struct layout layout = LAYOUT_CLOSED;
	struct json_object *names = NULL;
	int64_t count = 0;
	int result = 0;

	if (!outputs || json_member(request, "releases", json_type_array))
		result = request_releases(request, &names, err);
	if (result == 0)
		result = layout_open(&layout, request, err);
	if (result == 0 && names)
		result = prune(&layout, names, &count, err);
	if (result == 0 && outputs)
		result = outprune(&layout, outputs, reply, err);
	if (result < 0)
		return result;
	json_set_integer(reply, "removed", count);
	*ret_result = TAKE(reply);
	return 0;
}
