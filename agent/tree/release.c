/* SPDX-License-Identifier: MIT */
#include "tree/tree.h"

#include "base/erase.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "tree/layout.h"
#include "tree/request.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The two ends of making a release: prepare gives the exporter an empty directory that
 * was never used before, finish writes REVISION last of all. A directory without REVISION
 * is therefore half-made, and nothing ever continues or activates one. What steps add
 * afterwards is on the disk once flush has been asked for.
 */

#define DIRECTORY_MODE 0755
#define REVISION_MODE 0644

static int make_directory(const struct layout *layout, const char *name, int *ret_fd,
			  struct error *err)
{
	int result = file_make_directory(layout->fd, name, DIRECTORY_MODE, ret_fd, err);

	if (layout_is_absent(result))
		return error_set(err, result,
				 "'%s' in '%s' is not a directory itself: move it away",
				 name, layout->path);
	return result < 0 ? error_wrap(err, "in '%s'", layout->path) : 0;
}

static int make_release(int releases_fd, const char *release, struct error *err)
{
	if (mkdirat(releases_fd, release, DIRECTORY_MODE) == 0)
		return 0;
	if (errno == EEXIST)
		return error_set(err, errno,
				 "the release '%s' is there already, and none is made "
				 "twice: choose a new name",
				 release);
	return error_set(err, errno, "make the release '%s' in releases: %s", release,
			 strerror(errno));
}

int tree_prepare(const struct json_object *request, struct json_object **ret_result,
		 struct error *err)
{
	autolayout struct layout layout = LAYOUT_CLOSED;
	autofree char *directory = NULL;
	autoclose int releases_fd = -1;
	autoclose int shared_fd = -1;
	const char *release = NULL;
	int result = request_release(request, &release, err);

	if (result == 0)
		result = layout_open(&layout, request, err);
	if (result == 0)
		result = make_directory(&layout, "releases", &releases_fd, err);
	if (result == 0)
		result = make_directory(&layout, "shared", &shared_fd, err);
	if (result == 0)
		result = make_release(releases_fd, release, err);
	if (result < 0)
		return result;
	if (fsync(releases_fd) < 0 || fsync(layout.fd) < 0)
		return error_set(err, errno, "write the new directories to the disk: %s",
				 strerror(errno));
	directory = text_format("%s/releases/%s", layout.path, release);
	*ret_result = json_new_object();
	json_set_string(*ret_result, "directory", directory);
	return 0;
}

static int write_revision(int release_fd, const char *revision, struct error *err)
{
	autofree char *line = text_format("%s\n", revision);

	return file_write(release_fd, "REVISION", line, REVISION_MODE, FILE_DURABLE, err);
}

int tree_finish(const struct json_object *request,
		struct json_object **ret_result __attribute__((unused)),
		struct error *err)
{
	autolayout struct layout layout = LAYOUT_CLOSED;
	autoclose int release_fd = -1;
	const char *release = NULL;
	const char *revision = NULL;
	int result = request_open_release(request, &layout, &release, &revision, err);

	if (result == 0)
		result = layout_open_release(&layout, release, &release_fd, err);
	if (result < 0)
		return result;
	result = write_revision(release_fd, revision, err);
	/* The commit may hold a directory of that name; the name is ours. */
	if (result == -EISDIR) {
		result = erase(release_fd, "REVISION", err);
		if (result == 0)
			result = write_revision(release_fd, revision, err);
	}
	return result < 0 ? error_wrap(err, "finish the release '%s'", release) : 0;
}

int tree_flush(const struct json_object *request,
	       struct json_object **ret_result __attribute__((unused)), struct error *err)
{
	autolayout struct layout layout = LAYOUT_CLOSED;
	autoclose int release_fd = -1;
	const char *release = NULL;
	const char *revision = NULL;
	bool is_finished = false;
	int result = request_open_release(request, &layout, &release, &revision, err);

	if (result == 0)
		result = layout_open_revision(&layout, release, revision, &release_fd,
					      &is_finished, err);
	if (result == 0 && syncfs(release_fd) < 0)
		result = error_set(err, errno, "write the release '%s' to the disk: %s",
				   release, strerror(errno));
	return result;
}
