/* SPDX-License-Identifier: MIT */
#include "base/file.h"

#include "base/error.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The one place that replaces files and links. Everything is relative to a directory that
 * the caller holds open. Temporary names are random and O_EXCL, so that a crash leaves
 * litter but never a name that blocks the next run; they begin with ".tmp-" so that
 * whoever holds the lock can sweep them.
 */

#define TEMPORARY_PREFIX ".tmp-"
#define TEMPORARY_DIGITS 16
#define TEMPORARY_NAME_BYTES 24
#define TEMPORARY_TRIES 8
#define RESOLVE_TRIES 1000

static int temporary_name(char ret_name[static TEMPORARY_NAME_BYTES])
{
	unsigned int random[2];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -EIO;
	(void)snprintf(ret_name, TEMPORARY_NAME_BYTES, TEMPORARY_PREFIX "%08x%08x",
		       random[0], random[1]);
	return 0;
}

static int sync_directory(int dir_fd)
{
	autoclose int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return fsync(fd) < 0 ? -errno : 0;
}

int file_write_all(int fd, const char *data, size_t length_bytes)
{
	while (length_bytes > 0) {
		ssize_t written = write(fd, data, length_bytes);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		data += written;
		length_bytes -= (size_t)written;
	}
	return 0;
}

static int read_up_to(int fd, char *buffer, size_t size_bytes, size_t *ret_length_bytes)
{
	size_t length_bytes = 0;

	while (length_bytes < size_bytes) {
		ssize_t got = read(fd, buffer + length_bytes, size_bytes - length_bytes);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		length_bytes += (size_t)got;
	}
	*ret_length_bytes = length_bytes;
	return 0;
}

int file_read_open(int fd, const char *name, size_t max_bytes, char **ret_data,
		   size_t *ret_length_bytes, struct error *err)
{
	autofree char *buffer = NULL;
	struct stat status;
	size_t length_bytes = 0;
	int result;

	if (fstat(fd, &status) < 0)
		return error_set(err, errno, "stat '%s': %s", name, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return error_set(err, EINVAL, "'%s' is not a regular file", name);
	if ((size_t)status.st_size > max_bytes)
		return error_set(err, EFBIG, "'%s' is larger than %zu bytes", name,
				 max_bytes);
	buffer = memory_new(max_bytes + 2, 1);
	result = read_up_to(fd, buffer, max_bytes + 1, &length_bytes);
	if (result < 0)
		return error_set(err, result, "read '%s': %s", name, strerror(-result));
	if (length_bytes > max_bytes)
		return error_set(err, EFBIG, "'%s' is larger than %zu bytes", name,
				 max_bytes);
	*ret_data = TAKE(buffer);
	if (ret_length_bytes)
		*ret_length_bytes = length_bytes;
	return 0;
}

int file_read(int dir_fd, const char *name, size_t max_bytes, char **ret_data,
	      size_t *ret_length_bytes, struct error *err)
{
	/* O_NONBLOCK: a FIFO put in the file's place must not hold us up. */
	autoclose int fd =
		openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return error_set(err, errno, "open '%s': %s", name, strerror(errno));
	return file_read_open(fd, name, max_bytes, ret_data, ret_length_bytes, err);
}

/*
 * -EAGAIN: somewhere on the machine something was renamed just as we went through a "..",
 * and the kernel could not tell whether that led out. Others must not be able to keep us
 * from a directory by renaming theirs.
 */
static int open_resolved(int dir_fd, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = { .flags = (unsigned int)(flags | O_CLOEXEC),
				.resolve = resolve };
	int fd = -EAGAIN;

	for (int try = 0; fd == -EAGAIN && try < RESOLVE_TRIES; try++) {
		fd = (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
		if (fd < 0)
			fd = -errno;
	}
	return fd;
}

int file_open_inside(int root_fd, const char *path, int flags)
{
	return open_resolved(root_fd, path, flags,
			     RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int file_open_without_links(int dir_fd, const char *path, int flags)
{
	return open_resolved(dir_fd, path, flags, RESOLVE_NO_SYMLINKS);
}

int file_open_beneath(int dir_fd, const char *path, int flags)
{
	return open_resolved(dir_fd, path, flags,
			     RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
}

static int write_temporary(int dir_fd, const char *temporary,
			   const struct file_content *content,
			   enum file_durability durability)
{
	autoclose int fd =
		openat(dir_fd, temporary,
		       O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int result;

	if (fd < 0)
		return -errno;
	result = file_write_all(fd, content->data, content->length_bytes);
	if (result < 0)
		return result;
	/* The mode asked for, whatever the umask. */
	if (fchmod(fd, content->mode) < 0)
		return -errno;
	if (durability == FILE_DURABLE && fsync(fd) < 0)
		return -errno;
	return 0;
}

int file_write(int dir_fd, const char *name, const char *text, mode_t mode,
	       enum file_durability durability, struct error *err)
{
	const struct file_content content = { text, strlen(text), mode };

	return file_write_bytes(dir_fd, name, &content, durability, err);
}

int file_write_bytes(int dir_fd, const char *name, const struct file_content *content,
		     enum file_durability durability, struct error *err)
{
	char temporary[TEMPORARY_NAME_BYTES] = "";
	int result = temporary_name(temporary);

	if (result == 0)
		result = write_temporary(dir_fd, temporary, content, durability);
	if (result == 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
		result = -errno;
	if (result < 0) {
		(void)unlinkat(dir_fd, temporary, 0);
		return error_set(err, result, "write '%s': %s", name, strerror(-result));
	}
	if (durability == FILE_DURABLE)
		result = sync_directory(dir_fd);
	if (result < 0)
		return error_set(err, result, "sync the directory of '%s': %s", name,
				 strerror(-result));
	return 0;
}

static int link_temporary(int dir_fd, const char *target,
			  char ret_name[static TEMPORARY_NAME_BYTES])
{
	for (int try = 0; try < TEMPORARY_TRIES; try++) {
		int result = temporary_name(ret_name);

		if (result < 0)
			return result;
		if (symlinkat(target, dir_fd, ret_name) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

int file_link(int dir_fd, const char *name, const char *target,
	      enum file_durability durability, struct error *err)
{
	char temporary[TEMPORARY_NAME_BYTES];
	int result = link_temporary(dir_fd, target, temporary);

	if (result == 0 && renameat(dir_fd, temporary, dir_fd, name) < 0) {
		result = -errno;
		(void)unlinkat(dir_fd, temporary, 0);
	}
	if (result == 0 && durability == FILE_DURABLE)
		result = sync_directory(dir_fd);
	if (result == -EISDIR)
		return error_set(
			err, result,
			"'%s' is a directory where a link belongs: move it away first",
			name);
	if (result < 0)
		return error_set(err, result, "link '%s' to '%s': %s", name, target,
				 strerror(-result));
	return 0;
}

int file_move(int dir_fd, const char *name, const char *new_name, struct error *err)
{
	int result = renameat(dir_fd, name, dir_fd, new_name) < 0
		? -errno
		: sync_directory(dir_fd);

	if (result < 0)
		return error_set(err, result, "rename '%s' to '%s': %s", name, new_name,
				 strerror(-result));
	return 0;
}

int file_remove(int dir_fd, const char *name, struct error *err)
{
	int result;

	if (unlinkat(dir_fd, name, 0) < 0) {
		if (errno == ENOENT)
			return 0;
		return error_set(err, errno, "remove '%s': %s", name, strerror(errno));
	}
	result = sync_directory(dir_fd);
	if (result < 0)
		return error_set(err, result, "sync the directory of '%s': %s", name,
				 strerror(-result));
	return 0;
}

bool file_is_temporary(const char *name)
{
	const char *digits = name + strlen(TEMPORARY_PREFIX);

	return strncmp(name, TEMPORARY_PREFIX, strlen(TEMPORARY_PREFIX)) == 0 &&
		strspn(digits, "0123456789abcdef") == TEMPORARY_DIGITS &&
		digits[TEMPORARY_DIGITS] == '\0';
}

void file_sweep(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!directory) {
		memory_close_fd(&fd);
		return;
	}
	while ((entry = readdir(directory)))
		if (file_is_temporary(entry->d_name))
			(void)unlinkat(dir_fd, entry->d_name, 0);
	(void)closedir(directory);
}

int file_make_directory(int dir_fd, const char *name, mode_t mode, int *ret_fd,
			struct error *err)
{
	int fd;

	if (mkdirat(dir_fd, name, mode) < 0 && errno != EEXIST)
		return error_set(err, errno, "make the directory '%s': %s", name,
				 strerror(errno));
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return error_set(err, errno, "open the directory '%s': %s", name,
				 strerror(errno));
	*ret_fd = fd;
	return 0;
}
