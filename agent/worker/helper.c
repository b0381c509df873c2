/* SPDX-License-Identifier: MIT */
#include "worker/helper.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/*
 * Where helpers are. Root executes what this finds, so only the place of the running
 * program, which whoever started it had to trust already, says where to look.
 */

static int own_directory(char **ret_directory, struct error *err)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (length < 0)
		return error_set(err, errno, "find the running program: %s",
				 strerror(errno));
	path[length] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return error_set(err, ENOENT, "the running program has no path");
	*slash = '\0';
	*ret_directory = text_copy(path);
	return 0;
}

int helper_open(const char *name, int *ret_fd, struct error *err)
{
	autofree char *directory = NULL;
	autofree char *beside = NULL;
	autofree char *libexec = NULL;
	int fd, result = own_directory(&directory, err);

	if (result < 0)
		return result;
	beside = text_format("%s/%s", directory, name);
	libexec = text_format("%s/../libexec/bootagent/%s", directory, name);
	fd = open(beside, O_PATH | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		fd = open(libexec, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno,
				 "open the helper '%s' (sought as '%s' and '%s'): %s",
				 name, beside, libexec, strerror(errno));
	*ret_fd = fd;
	return 0;
}
