/* SPDX-License-Identifier: MIT */
#include "tree/search.h"

#include "base/memory.h"
#include "base/text.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The search along PATH, for those that look at a program before a step starts it. What
 * is no regular file, or not ours to execute, is passed by, as execvp(3) does.
 */

static bool is_program(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
		faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

static enum search_end look_at(const char *path, char **ret_found)
{
	if (path[0] != '/')
		return SEARCH_RELATIVE;
	if (!is_program(path))
		return SEARCH_NOWHERE;
	*ret_found = text_copy(path);
	return SEARCH_FOUND;
}

enum search_end search_program(const char *name, const char *path, char **ret_found)
{
	autofree char *copy = text_copy(path);
	enum search_end end = SEARCH_NOWHERE;
	char *rest = copy, *directory;

	*ret_found = NULL;
	if (strchr(name, '/'))
		return look_at(name, ret_found);
	while (end == SEARCH_NOWHERE && (directory = strsep(&rest, ":"))) {
		/* An empty one is the working directory. */
		autofree char *candidate =
			text_format("%s/%s", *directory ? directory : ".", name);

		end = look_at(candidate, ret_found);
	}
	return end;
}
