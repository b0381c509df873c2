/* SPDX-License-Identifier: MIT */
#include "git/discard.h"

#include "base/confine.h"
#include "base/erase.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/wire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Everything in a mirror is its owner's, so it is its owner who removes it: root goes by
 * no path in there. The directory itself stands in one of root's, and stays for root.
 */

#define OWNER_MODE 02700
#define SCANS_MAX 4

static void close_directory(DIR **directory)
{
	if (*directory)
		(void)closedir(*directory);
}

static int open_directory(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static int open_own(const char *path, int *ret_fd, struct error *err)
{
	autoclose int fd = -1;
	struct stat status;

	if (path[0] != '/')
		return error_set(err, EINVAL, "'%s' is not an absolute path", path);
	fd = open_directory(path);
	/* Its owner may have closed it to itself. */
	if (fd < 0 && errno == EACCES &&
	    fchmodat(AT_FDCWD, path, OWNER_MODE, AT_SYMLINK_NOFOLLOW) == 0)
		fd = open_directory(path);
	if (fd < 0 || fstat(fd, &status) < 0)
		return error_set(err, errno, "open the directory '%s': %s", path,
				 strerror(errno));
	if (status.st_uid != geteuid())
		return error_set(err, EACCES,
				 "'%s' belongs to uid %u, and this is uid %u: remove it "
				 "by hand",
				 path, status.st_uid, geteuid());
	if (fchmod(fd, OWNER_MODE) < 0)
		return error_set(err, errno, "open '%s' for its owner: %s", path,
				 strerror(errno));
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Removes what a look at the directory finds; *ret_is_empty: it found nothing. */
static int empty(int dir_fd, bool *ret_is_empty, struct error *err)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	__attribute__((cleanup(close_directory))) DIR *directory =
		fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int result = 0;

	if (!directory) {
		result = error_set(err, errno, "read it: %s", strerror(errno));
		memory_close_fd(&fd);
		return result;
	}
	*ret_is_empty = true;
	while (result == 0 && (entry = readdir(directory))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		*ret_is_empty = false;
		result = erase(dir_fd, entry->d_name, err);
	}
	return result;
}

int discard_perform(const struct json_object *request, struct json_object **ret_result,
		    struct error *err)
{
	const char *path = NULL;
	autoclose int dir_fd = -1;
	bool is_empty = false;
	int result = wire_require_string(request, "repository", &path, err);

	*ret_result = NULL;
	if (result == 0)
		result = open_own(path, &dir_fd, err);
	if (result == 0)
		result = confine(&(struct confine_place){ dir_fd, true }, 1,
				 CONFINE_READING, err);
	if (result < 0)
		return result;
	for (int i = 0; result == 0 && !is_empty && i < SCANS_MAX; i++)
		result = empty(dir_fd, &is_empty, err);
	return result < 0 ? error_wrap(err, "empty '%s'", path) : 0;
}
