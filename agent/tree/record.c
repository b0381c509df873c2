/* SPDX-License-Identifier: MIT */
#include "tree/tree.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "tree/layout.h"
#include "tree/request.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * revisions.log, Capistrano's record for people. One O_APPEND write a line, so that a
 * `cap` run beside us never cuts a line of ours in two; it is the one file here that is
 * appended to rather than replaced.
 */

#define LOG_NAME "revisions.log"
#define LOG_MODE 0644
#define LOG_FLAGS \
	(O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

static int say_no_file(const struct layout *layout, int code, struct error *err)
{
	return error_set(err, code,
			 "'" LOG_NAME
			 "' in '%s' is not a regular file: move what stands there away",
			 layout->path);
}

/*
 * Whether the open file has one name, and that is the log's: a line does not go into a
 * foreign file that somebody linked there, not even if he takes his link away again as we
 * look. Both are asked of the name, at one moment.
 */
static bool is_own_file(const struct layout *layout, const struct stat *opened)
{
	struct stat named;

	return fstatat(layout->fd, LOG_NAME, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
		named.st_dev == opened->st_dev && named.st_ino == opened->st_ino &&
		named.st_nlink == 1;
}

static int open_log(const struct layout *layout, int *ret_fd, struct error *err)
{
	autoclose int fd = openat(layout->fd, LOG_NAME, LOG_FLAGS, LOG_MODE);
	struct stat status;

	/* ENXIO: a FIFO or a socket that nobody reads from. */
	if (fd < 0 && (errno == ELOOP || errno == EISDIR || errno == ENXIO))
		return say_no_file(layout, errno, err);
	if (fd < 0 || fstat(fd, &status) < 0)
		return error_set(err, errno, "open '" LOG_NAME "' in '%s': %s",
				 layout->path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return say_no_file(layout, EINVAL, err);
	if (!is_own_file(layout, &status))
		return error_set(err, EMLINK,
				 "'" LOG_NAME
				 "' in '%s' is a file that has other names, too: put a "
				 "copy in its place",
				 layout->path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int append(int fd, const char *line)
{
	autofree char *text = text_format("%s\n", line);
	ssize_t written = write(fd, text, strlen(text));

	if (written < 0)
		return -errno;
	if ((size_t)written != strlen(text))
		return -ENOSPC;
	return fsync(fd) < 0 ? -errno : 0;
}

int tree_record(const struct json_object *request,
		struct json_object **ret_result __attribute__((unused)),
		struct error *err)
{
	autolayout struct layout layout = LAYOUT_CLOSED;
	autoclose int fd = -1;
	const char *line = NULL;
	int result = request_line(request, &line, err);

	if (result == 0)
		result = layout_open(&layout, request, err);
	if (result == 0)
		result = open_log(&layout, &fd, err);
	if (result < 0)
		return result;
	result = append(fd, line);
	/* The directory too: the file may be new. */
	if (result == 0 && fsync(layout.fd) < 0)
		result = -errno;
	if (result < 0)
		return error_set(err, result,
				 "append to '" LOG_NAME
				 "' in '%s': %s: the release serves all the same",
				 layout.path, strerror(-result));
	return 0;
}
