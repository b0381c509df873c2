/* SPDX-License-Identifier: MIT */
#ifndef TREE_PLACE_H
#define TREE_PLACE_H

#include "base/file.h"
#include "base/memory.h"

#include <stdbool.h>

struct error;

/* Where something stands: a directory held open, and a name in it. */
struct place {
	int fd;
	const char *name; /* borrowed from the path */
};

#define PLACE_CLOSED ((struct place){ .fd = -1, .name = NULL })

/*
 * Opens the directory of a relative path without '.', '..' and empty parts, from root_fd
 * down; missing directories are made (mode 0755 less the umask). `root` is
 * what the errors call the beginning. -ELOOP, -ENOTDIR: a link, which is never followed,
 * or a file stands on the way. place_close() ends it.
 */
int place_open(int root_fd, const char *root, const char *path,
	       enum file_durability durability, struct place *ret_place,
	       struct error *err) __attribute__((warn_unused_result));

/*
 * What a link at the path in a release says, so that it leads to something below
 * deploy_to. The caller frees it.
 */
char *place_target(const char *path, const char *below)
	__attribute__((returns_nonnull, warn_unused_result));

/* Whether a link with exactly this text stands there. */
bool place_is_link(const struct place *place, const char *target);

static inline void place_close(struct place *place)
{
	memory_close_fd(&place->fd);
	*place = PLACE_CLOSED;
}

#define autoplace __attribute__((cleanup(place_close)))

#endif
