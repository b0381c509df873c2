/* SPDX-License-Identifier: MIT */
#ifndef TREE_DEPOT_H
#define TREE_DEPOT_H

#include <stdbool.h>
#include <stdint.h>

struct error;
struct json_object;
struct layout;
struct wanted;

/* Where the outputs of steps are kept, below deploy_to. */
#define DEPOT_PATH "shared/.bootagent/outputs"
/* How the names of those begin that a step is still making. */
#define DEPOT_TEMPORARY "tmp."

/*
 * Opens the depot, or makes it; never through a link. The caller closes *ret_fd. -ENOENT:
 * there is none (and it is not to be made); -ENOTDIR, -ELOOP: something else is there.
 */
int depot_open(const struct layout *layout, bool is_made, int *ret_fd, struct error *err)
	__attribute__((warn_unused_result));

/* Whether the text is a key, 64 digits; and whether a name begins with one. */
bool depot_is_key(const char *text);
bool depot_is_entry(const char *name);

/*
 * Whether the outputs of that name are there, all that are wanted. Fails only when the
 * disk does.
 */
int depot_look(int depot_fd, const char *name, const struct wanted *wanted,
	       bool *ret_is_whole, struct error *err) __attribute__((warn_unused_result));

/* Makes an empty place for each output below a new name. */
int depot_prepare(int depot_fd, const char *name, const struct wanted *wanted,
		  struct error *err) __attribute__((warn_unused_result));

/*
 * Writes beside finished outputs what made them, when, and how much room they take, and
 * all of it to the disk. *ret_size_bytes is that room.
 */
int depot_note(int depot_fd, const char *name, const struct wanted *wanted,
	       int64_t *ret_size_bytes, struct error *err)
	__attribute__((warn_unused_result));

/* The note of an open entry, NULL if it has none that can be read; the caller puts it. */
struct json_object *depot_load_note(int entry_fd);

/*
 * Gives finished outputs their name; others that have it, but are not whole, give way.
 * Returns 1 if whole ones have it: then those of the old name are removed.
 */
int depot_move(int depot_fd, const char *name, const char *new_name,
	       const struct wanted *wanted, struct error *err)
	__attribute__((warn_unused_result));

/* Removes outputs; half of them never have their name. */
int depot_remove(int depot_fd, const char *name, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Removes what killed runs left, but for what the run of that name is making (NULL: none
 * is). Only for the holder of the lock, and as far as it can.
 */
void depot_sweep(int depot_fd, const char *run);

#endif
