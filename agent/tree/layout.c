/* SPDX-License-Identifier: MIT */
#include "tree/layout.h"

#include "base/confine.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/*
 * Capistrano's layout, seen through file descriptors. Each directory is opened once,
 * below the one before it and never through a link, and used by its descriptor from then
 * on: what is swapped for a link meanwhile leads nowhere. deploy_to itself is the
 * administrator's word and may lie behind links; only its own name must not be one.
 */

#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static void cut_slashes(char *path)
{
	size_t length = strlen(path);

	while (length > 0 && path[length - 1] == '/')
		path[--length] = '\0';
}

static int say_open(const char *path, int code, struct error *err)
{
	if (code == ENOTDIR || code == ELOOP)
		return error_set(
			err, code,
			"deploy_to '%s' is not a directory itself: name the directory, "
			"not a link or a file",
			path);
	return error_set(
		err, code,
		"open deploy_to '%s': %s: it must belong to the application's user", path,
		strerror(code));
}

int layout_open(struct layout *layout, const struct json_object *request,
		struct error *err)
{
	autofree char *path = NULL;
	const char *deploy_to = NULL;
	int result = wire_require_string(request, "deploy_to", &deploy_to, err);
	int fd;

	if (result < 0)
		return result;
	path = text_copy(deploy_to);
	cut_slashes(path);
	if (path[0] != '/')
		return error_set(
			err, EINVAL,
			"deploy_to '%s' is not an absolute path below '/': correct it in "
			"the configuration",
			deploy_to);
	fd = open(path, DIRECTORY_FLAGS);
	if (fd < 0)
		return say_open(path, errno, err);
	*layout = (struct layout){ .path = TAKE(path), .fd = fd };
	return confine(&(struct confine_place){ fd, true }, 1, CONFINE_READING, err);
}

void layout_close(struct layout *layout)
{
	free(layout->path);
	memory_close_fd(&layout->fd);
	*layout = LAYOUT_CLOSED;
}

bool layout_is_absent(int code)
{
	return code == -ENOENT || code == -ENOTDIR || code == -ELOOP;
}

static int open_below(int dir_fd, const char *name, const char *where, int *ret_fd,
		      struct error *err)
{
	int fd = openat(dir_fd, name, DIRECTORY_FLAGS);

	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return error_set(err, errno,
				 "'%s' in '%s' is not a directory itself: move it away",
				 name, where);
	if (fd < 0)
		return error_set(
			err, errno,
			"open the directory '%s' in '%s': %s: check that it is there and "
			"belongs to the application's user",
			name, where, strerror(errno));
	*ret_fd = fd;
	return 0;
}

int layout_open_releases(const struct layout *layout, int *ret_fd, struct error *err)
{
	return open_below(layout->fd, "releases", layout->path, ret_fd, err);
}

int layout_open_release(const struct layout *layout, const char *release, int *ret_fd,
			struct error *err)
{
	autoclose int releases_fd = -1;
	int result = layout_open_releases(layout, &releases_fd, err);

	if (result < 0)
		return result;
	return open_below(releases_fd, release, "releases", ret_fd, err);
}

/* What file_read() says of a name at which no readable file of that size stands. */
static bool is_no_revision(int code)
{
	return layout_is_absent(code) || code == -EINVAL || code == -EFBIG ||
		code == -EACCES || code == -ENXIO;
}

int layout_read_revision(int release_fd, char **ret_revision, struct error *err)
{
	autofree char *text = NULL;
	size_t length_bytes = 0;
	bool is_text;
	int result = file_read(release_fd, "REVISION", LAYOUT_REVISION_FILE_MAX_BYTES,
			       &text, &length_bytes, err);

	if (result < 0 && !is_no_revision(result))
		return result;
	/* With a NUL inside it is no text. */
	is_text = result == 0 && strlen(text) == length_bytes;
	if (is_text)
		text_trim_end(text);
	*ret_revision = is_text && text_is_revision(text) ? TAKE(text) : NULL;
	return 0;
}

int layout_open_revision(const struct layout *layout, const char *release,
			 const char *wanted, int *ret_fd, bool *ret_is_finished,
			 struct error *err)
{
	autofree char *revision = NULL;
	autoclose int fd = -1;
	int result = layout_open_release(layout, release, &fd, err);

	if (layout_is_absent(result))
		return error_set(
			err, ESTALE,
			"the release '%s' is no directory in releases: prepare a new one",
			release);
	if (result == 0)
		result = layout_read_revision(fd, &revision, err);
	if (result < 0)
		return result;
	if (revision && !text_is_equal(revision, wanted))
		return error_set(
			err, ESTALE,
			"the release '%s' holds the revision %s, not %s: prepare another",
			release, revision, wanted);
	*ret_is_finished = revision != NULL;
	*ret_fd = TAKE_FD(fd);
	return 0;
}
