/* SPDX-License-Identifier: MIT */
#ifndef BASE_CONFINE_H
#define BASE_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

struct error;

/* A directory, and all below it, that stays within reach; -1: none. */
struct confine_place {
	int dir_fd; /* borrowed */
	bool is_writable;
};

enum confine_extent {
	CONFINE_WRITING, /* reading stays as it is */
	CONFINE_READING, /* too, but for what the process itself may need: /usr, /proc */
};

/*
 * From here to its end this process writes, makes, renames and removes nothing but below
 * the writable places, whatever a path leads through. Where the kernel has no Landlock
 * that lets files be linked and renamed (Linux 5.19), nothing changes and 0 is returned.
 */
int confine(const struct confine_place *places, size_t count, enum confine_extent extent,
	    struct error *err) __attribute__((warn_unused_result));

#endif
