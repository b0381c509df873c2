/* SPDX-License-Identifier: MIT */
#include "tree/usage.h"

#include "base/memory.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * How much there is to prune, asked once when outputs are stored. A file of several names
 * counts in parts, so that all its names together count it once.
 */

#define BLOCK_BYTES 512
#define DEPTH_MAX 100

static int64_t count_directory(int dir_fd, int depth);

static int64_t count_entry(int dir_fd, const char *name, int depth)
{
	struct stat status;
	autoclose int fd = -1;

	if (fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (!S_ISDIR(status.st_mode))
		return (int64_t)status.st_blocks * BLOCK_BYTES /
			(status.st_nlink > 0 ? (int64_t)status.st_nlink : 1);
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? 0 : count_directory(fd, depth + 1);
}

static int64_t count_directory(int dir_fd, int depth)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	struct stat status;
	int64_t bytes = 0;

	if (!directory) {
		memory_close_fd(&fd);
		return 0;
	}
	if (fstat(dir_fd, &status) == 0)
		bytes = (int64_t)status.st_blocks * BLOCK_BYTES;
	while (depth < DEPTH_MAX && (entry = readdir(directory)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			bytes += count_entry(dir_fd, entry->d_name, depth);
	(void)closedir(directory);
	return bytes;
}

int64_t usage_bytes(int dir_fd)
{
	return count_directory(dir_fd, 0);
}
