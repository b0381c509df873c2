/* SPDX-License-Identifier: MIT */
#include "tree/shared.h"

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "tree/layout.h"
#include "tree/links.h"
#include "tree/place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * What releases share. A content is a secret: it is compared in a small buffer that is
 * wiped, goes to the disk through a temporary that its owner alone can read, and no
 * sentence here repeats any of it. What is right already is only read.
 */

#define SECRET_MODE 0600
#define SECRET_FORBIDDEN_MODE 07177
#define DIRECTORY_MODE 0755
#define COMPARED_BYTES 4096
#define READ_FLAGS (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

static bool has_content(int fd, const struct link *link)
{
	char buffer[COMPARED_BYTES];
	size_t done_bytes = 0;
	bool is_same = true;

	while (is_same) {
		ssize_t got = read(fd, buffer, sizeof(buffer));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			is_same = got == 0 && done_bytes == link->content_bytes;
			break;
		}
		is_same = (size_t)got <= link->content_bytes - done_bytes &&
			memcmp(buffer, link->content + done_bytes, (size_t)got) == 0;
		done_bytes += (size_t)got;
	}
	explicit_bzero(buffer, sizeof(buffer));
	return is_same;
}

/*
 * A mode that lets others read is corrected. A file of somebody else, or one that has
 * another name as well, is replaced instead.
 */
static bool is_right(int fd, const struct link *link)
{
	struct stat status;

	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		return false;
	if (status.st_uid != geteuid() || status.st_nlink != 1)
		return false;
	if ((size_t)status.st_size != link->content_bytes || !has_content(fd, link))
		return false;
	if ((status.st_mode & SECRET_FORBIDDEN_MODE) == 0)
		return true;
	return fchmod(fd, SECRET_MODE) == 0 && fsync(fd) == 0;
}

static int say_directory(const struct layout *layout, const char *path, struct error *err)
{
	return error_set(
		err, EISDIR,
		"'%s' in '%s/shared' is a directory where a linked file belongs: move "
		"it away, or list it in linked_dirs",
		path, layout->path);
}

static int write_file(const struct layout *layout, const struct place *place,
		      const struct link *link, bool *ret_is_written, struct error *err)
{
	const struct file_content content = { link->content, link->content_bytes,
					      SECRET_MODE };
	autoclose int fd = openat(place->fd, place->name, READ_FLAGS);
	struct stat status;
	int result;

	if (fd >= 0 && is_right(fd, link))
		return 0;
	if (fstatat(place->fd, place->name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(status.st_mode))
		return say_directory(layout, link->path, err);
	result = file_write_bytes(place->fd, place->name, &content, FILE_DURABLE, err);
	if (result < 0)
		return error_wrap(err, "the linked file '%s' in shared", link->path);
	*ret_is_written = true;
	return 0;
}

/* The last name may be a link, as people make them in shared/: it is not opened here. */
static int require_file(const struct layout *layout, const struct place *place,
			const struct link *link, struct error *err)
{
	struct stat status;
	int code = fstatat(place->fd, place->name, &status, 0) < 0 ? errno : 0;

	if (code == ENOENT || code == ENOTDIR || code == ELOOP)
		return error_set(
			err, ENOENT,
			"the linked file '%s' does not exist in '%s/shared': put it "
			"there, or name its 'parameter' in linked_files",
			link->path, layout->path);
	if (code != 0)
		return error_set(
			err, code,
			"look at the linked file '%s' in '%s/shared': %s: it must "
			"belong to the application's user",
			link->path, layout->path, strerror(code));
	if (S_ISDIR(status.st_mode))
		return say_directory(layout, link->path, err);
	return 0;
}

static int provide_directory(const struct layout *layout, const struct place *place,
			     const struct link *link, struct error *err)
{
	struct stat status;

	if (fstatat(place->fd, place->name, &status, 0) == 0 && S_ISDIR(status.st_mode))
		return 0;
	if (mkdirat(place->fd, place->name, DIRECTORY_MODE) == 0 && fsync(place->fd) == 0)
		return 0;
	if (errno == EEXIST)
		return error_set(err, ENOTDIR,
				 "'%s' in '%s/shared' is no directory, and linked_dirs "
				 "lists it: move it away",
				 link->path, layout->path);
	return error_set(err, errno, "make the directory '%s' in '%s/shared': %s",
			 link->path, layout->path, strerror(errno));
}

int shared_provide(const struct layout *layout, const struct link *link,
		   bool *ret_is_written, struct error *err)
{
	autofree char *path = text_format("shared/%s", link->path);
	autoplace struct place place = PLACE_CLOSED;
	int result =
		place_open(layout->fd, layout->path, path, FILE_DURABLE, &place, err);

	*ret_is_written = false;
	if (result < 0)
		return result;
	file_sweep(place.fd);
	if (link->is_directory)
		return provide_directory(layout, &place, link, err);
	if (!link->content)
		return require_file(layout, &place, link, err);
	return write_file(layout, &place, link, ret_is_written, err);
}
