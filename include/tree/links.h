/* SPDX-License-Identifier: MIT */
#ifndef TREE_LINKS_H
#define TREE_LINKS_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct json_object;

/* So many entries in both lists together, and so long a path: a reply holds them all. */
#define LINKS_MAX 200
#define LINKS_PATH_MAX_BYTES 255

/* One linked file or directory; the texts are borrowed from the request. */
struct link {
	const char *path; /* below the release, and below shared/ */
	bool is_directory;
	const char *content; /* a secret, never shown; NULL: the file is there already */
	size_t content_bytes;
};

struct links {
	struct link *items; /* the files first */
	size_t count;
};

/* Why no link can stand at the path in a release, NULL: one can. Borrowed for ever. */
const char *links_path_fault(const char *path);

/*
 * Reads "linked_files" and "linked_dirs"; links_done() frees what it makes. -EINVAL: a
 * path leads out of the release, belongs to the agent, or collides with another one;
 * -E2BIG: too many.
 */
int links_read(const struct json_object *request, struct links *ret_links,
	       struct error *err) __attribute__((warn_unused_result));
void links_done(struct links *links);

#define autolinks __attribute__((cleanup(links_done)))

#endif
