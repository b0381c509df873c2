/* SPDX-License-Identifier: MIT */
#include "git/entry.h"

#include <limits.h>
#include <string.h>

/*
 * What a tree may ask for. The names come from whoever can push; "..", a '/' or an
 * absolute name would leave the release, and ".git" would turn it into a repository whose
 * config some later git command believes.
 */

bool entry_is_safe_name(const char *name)
{
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	return !strchr(name, '/') && strcasecmp(name, ".git") != 0;
}

bool entry_is_safe_target(const char *target, size_t length_bytes)
{
	return length_bytes > 0 && length_bytes < PATH_MAX &&
		!memchr(target, '\0', length_bytes);
}
