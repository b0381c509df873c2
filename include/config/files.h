/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_FILES_H
#define CONFIG_FILES_H

#include <stddef.h>

struct config_layer;
struct layers;

/* One more than the fragments there may be, so that too many are seen. */
#define FILES_NAMES_MAX 101

/* A directory's entries, sorted; ends with NULL. files_names_done() frees them. */
struct files_names {
	char *items[FILES_NAMES_MAX + 1];
	size_t count;
};

/*
 * Lists up to FILES_NAMES_MAX entries with the suffix, but no hidden ones. A negative
 * errno: the directory cannot be read, and the list is empty.
 */
int files_list(int root_fd, const char *path, const char *suffix,
	       struct files_names *ret_names) __attribute__((warn_unused_result));
void files_names_done(struct files_names *names);

/* Adds a layer at the index and reads its text; what is wrong is complained of. */
void files_add_text(struct layers *layers, size_t index, const struct config_layer *text);

/*
 * Adds a file inside the directory, or anywhere with AT_FDCWD. -ENOENT: there is no such
 * file. Any other trouble with it is complained of.
 */
int files_add(struct layers *layers, size_t index, int dir_fd, const char *path);

/* Adds the files of conf.d on top, in the order of their names. */
void files_add_fragments(struct layers *layers, int root_fd);

#endif
