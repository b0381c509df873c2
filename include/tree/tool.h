/* SPDX-License-Identifier: MIT */
#ifndef TREE_TOOL_H
#define TREE_TOOL_H

#include <stdbool.h>
#include <stdint.h>

struct json_object;

/* The file of a program; the same in all of it means the same program. */
struct tool {
	int64_t device, inode, size_bytes, mtime_ns, ctime_ns;
};

/*
 * Finds the program that execvp(3) would start for this command with that PATH, as the
 * user that we are. false: what it answers cannot be told from its file, so it is to be
 * asked each time: a script, a program of another name (the shims of version managers),
 * one below the working directory, one that is asked for more than its version, or none
 * that is found.
 */
bool tool_find(struct json_object *command, const char *path, struct tool *ret_tool);

/* As {"device": N, …}; the caller puts it. Whether an object says the same. */
struct json_object *tool_describe(const struct tool *tool)
	__attribute__((returns_nonnull, warn_unused_result));
bool tool_is_same(const struct tool *tool, const struct json_object *described);

#endif
