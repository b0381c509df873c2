/* SPDX-License-Identifier: MIT */
#include "tree/tree.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "tree/adopt.h"
#include "tree/current.h"
#include "tree/layout.h"
#include "tree/request.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Which release serves: inspect says it, activate changes it. The order is what counts
 * after a power cut: first the whole release on the disk, then the link, then the link's
 * directory; so `current` never means a release that is only half there. The release's
 * REVISION is compared first, because a name alone may be that of another run's
 * leftovers.
 */

static int describe(const struct layout *layout, const struct current *current,
		    struct json_object *reply, struct error *err)
{
	autofree char *revision = NULL;
	autofree char *target = NULL;
	autoclose int fd = -1;
	int result = current_open_release(layout, current, &fd, err);

	if (result == 0 && fd >= 0)
		result = layout_read_revision(fd, &revision, err);
	if (result < 0)
		return result;
	json_set_string(reply, "release", fd >= 0 ? current->release : NULL);
	json_set_string(reply, "revision", revision);
	if (fd >= 0)
		return 0;
	/* Anybody's bytes: the reply must stay one line of UTF-8. */
	target = text_copy(current->target);
	text_make_printable(target);
	json_set_string(reply, "target", target);
	return 0;
}

static int describe_candidate(const struct layout *layout,
			      const struct json_object *request,
			      struct json_object *reply, struct error *err)
{
	const char *name = json_string(request, "candidate");
	autofree char *revision = NULL;
	autoclose int fd = -1;
	int result;

	if (!name)
		return 0;
	if (!text_is_name(name))
		return error_set(err, EINVAL, "the candidate is no name of a release");
	result = layout_open_release(layout, name, &fd, err);
	if (result < 0 && !layout_is_absent(result))
		return result;
	if (fd >= 0)
		result = layout_read_revision(fd, &revision, err);
	if (fd >= 0 && result < 0)
		return result;
	json_set_string(reply, "candidate", revision);
	return 0;
}

static int describe_fresh(const struct layout *layout, const struct json_object *request,
			  struct json_object *reply, struct error *err)
{
	const char *name = json_string(request, "fresh");
	autoclose int releases_fd = -1;
	struct stat status;
	int result;

	if (!name)
		return 0;
	if (!text_is_name(name))
		return error_set(err, EINVAL, "the fresh name is no name of a release");
	result = layout_open_releases(layout, &releases_fd, err);
	if (result < 0 && !layout_is_absent(result))
		return result;
	json_set_boolean(reply, "fresh",
			 releases_fd < 0 ||
				 (fstatat(releases_fd, name, &status,
					  AT_SYMLINK_NOFOLLOW) < 0 &&
				  errno == ENOENT));
	return 0;
}

int tree_inspect(const struct json_object *request, struct json_object **ret_result,
		 struct error *err)
{
	autojson struct json_object *reply = json_new_object();
	autolayout struct layout layout = LAYOUT_CLOSED;
	autocurrent struct current current = { 0 };
	int result = layout_open(&layout, request, err);

	if (result == 0)
		result = adopt_check(&layout, err);
	if (result == 0)
		result = current_read(&layout, &current, err);
	if (result < 0)
		return result;
	json_set(reply, "current", current.target ? json_new_object() : NULL);
	if (current.target)
		result = describe(&layout, &current,
				  json_member(reply, "current", json_type_object), err);
	if (result == 0)
		result = describe_candidate(&layout, request, reply, err);
	if (result == 0)
		result = describe_fresh(&layout, request, reply, err);
	if (result == 0)
		*ret_result = TAKE(reply);
	return result;
}

static int open_finished(const struct layout *layout, const char *release,
			 const char *revision, int *ret_fd, struct error *err)
{
	autoclose int fd = -1;
	bool is_finished = false;
	int result =
		layout_open_revision(layout, release, revision, &fd, &is_finished, err);

	if (result < 0)
		return result;
	if (!is_finished)
		return error_set(
			err, ESTALE,
			"the release '%s' holds the revision of an unfinished export, "
			"not %s: prepare another",
			release, revision);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int move_link(const struct layout *layout, int release_fd, const char *target,
		     struct error *err)
{
	int result;

	if (syncfs(release_fd) < 0)
		return error_set(
			err, errno,
			"write '%s' to the disk: %s: 'current' was left as it was",
			target, strerror(errno));
	result = file_link(layout->fd, "current", target, FILE_DURABLE, err);
	return result < 0 ? error_wrap(err, "in '%s'", layout->path) : 0;
}

/* A run before us may have been killed between its rename and its fsync. */
static int keep_link(const struct layout *layout, struct error *err)
{
	if (fsync(layout->fd) == 0)
		return 0;
	return error_set(err, errno, "write '%s' to the disk: %s", layout->path,
			 strerror(errno));
}

static int flip(const struct layout *layout, const char *release, int release_fd,
		struct json_object *reply, struct error *err)
{
	autofree char *target = text_format("releases/%s", release);
	autocurrent struct current before = { 0 };
	autoclose int before_fd = -1;
	bool is_there;
	int result = current_read(layout, &before, err);

	if (result == 0)
		result = current_open_release(layout, &before, &before_fd, err);
	if (result < 0)
		return result;
	is_there = text_is_equal(before.target, target);
	json_set_boolean(reply, "moved", !is_there);
	json_set_string(reply, "previous", before_fd >= 0 ? before.release : NULL);
	return is_there ? keep_link(layout, err)
			: move_link(layout, release_fd, target, err);
}

int tree_activate(const struct json_object *request, struct json_object **ret_result,
		  struct error *err)
{
	autojson struct json_object *reply = json_new_object();
	autolayout struct layout layout = LAYOUT_CLOSED;
	autoclose int release_fd = -1;
	const char *release = NULL;
	const char *revision = NULL;
	int result = request_open_release(request, &layout, &release, &revision, err);

	if (result < 0)
		return result;
	file_sweep(layout.fd);
	result = open_finished(&layout, release, revision, &release_fd, err);
	if (result == 0)
		result = flip(&layout, release, release_fd, reply, err);
	if (result == 0)
		*ret_result = TAKE(reply);
	return result;
}
