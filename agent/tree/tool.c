/* SPDX-License-Identifier: MIT */
#include "tree/tool.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "tree/search.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * `ruby -v` costs more than all the rest of a step that has nothing to do, and says the
 * same as long as its file is the same. That holds for a program of its own only: a
 * version manager's shim stays the same file and answers what a setting elsewhere says.
 * Such are scripts, or links to a program of another name. And only what asks a program
 * for its version is answered by the program alone: `env ruby -v` is not, nor is a shell.
 */

#define NS_PER_S INT64_C(1000000000)

static const char *const version_words[] = {
	"-v", "-V", "--version", "-version", "version", "-dumpversion",
};

static int64_t to_ns(struct timespec time)
{
	return (int64_t)time.tv_sec * NS_PER_S + time.tv_nsec;
}

/* "ruby" is ruby3.1 behind its link, and not mise or rustup. */
static bool has_own_name(const char *name, const char *resolved)
{
	const char *wanted = basename(name);

	return strncmp(basename(resolved), wanted, strlen(wanted)) == 0;
}

static bool look(const char *path, struct tool *ret_tool)
{
	autoclose int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;
	char magic[4];

	if (fd < 0 || read(fd, magic, sizeof(magic)) != (ssize_t)sizeof(magic) ||
	    memcmp(magic, "\177ELF", sizeof(magic)) != 0 || fstat(fd, &status) < 0)
		return false;
	*ret_tool = (struct tool){
		.device = (int64_t)status.st_dev,
		.inode = (int64_t)status.st_ino,
		.size_bytes = status.st_size,
		.mtime_ns = to_ns(status.st_mtim),
		.ctime_ns = to_ns(status.st_ctim),
	};
	return true;
}

static bool is_version_word(const char *text)
{
	for (size_t i = 0; i < ARRAY_COUNT(version_words); i++)
		if (text_is_equal(version_words[i], text))
			return true;
	return false;
}

static bool asks_for_version(struct json_object *command)
{
	size_t count = json_object_array_length(command);

	for (size_t i = 1; i < count; i++)
		if (!is_version_word(json_text(json_object_array_get_idx(command, i))))
			return false;
	return count > 1;
}

bool tool_find(struct json_object *command, const char *path, struct tool *ret_tool)
{
	const char *name = json_text(json_object_array_get_idx(command, 0));
	autofree char *found = NULL, *resolved = NULL;

	if (path && name && *name)
		(void)search_program(name, path, &found);
	resolved = found ? realpath(found, NULL) : NULL;
	return resolved && asks_for_version(command) && has_own_name(name, resolved) &&
		look(resolved, ret_tool);
}

struct json_object *tool_describe(const struct tool *tool)
{
	struct json_object *described = json_new_object();

	json_set_integer(described, "device", tool->device);
	json_set_integer(described, "inode", tool->inode);
	json_set_integer(described, "size_bytes", tool->size_bytes);
	json_set_integer(described, "mtime_ns", tool->mtime_ns);
	json_set_integer(described, "ctime_ns", tool->ctime_ns);
	return described;
}

bool tool_is_same(const struct tool *tool, const struct json_object *described)
{
	return json_integer(described, "device", -1) == tool->device &&
		json_integer(described, "inode", -1) == tool->inode &&
		json_integer(described, "size_bytes", -1) == tool->size_bytes &&
		json_integer(described, "mtime_ns", -1) == tool->mtime_ns &&
		json_integer(described, "ctime_ns", -1) == tool->ctime_ns;
}
