/* SPDX-License-Identifier: MIT */
#ifndef RELEASE_MOUNTS_H
#define RELEASE_MOUNTS_H

#include <stdbool.h>

#define MOUNTS_DEVICE_MAX_BYTES 32

/* A directory as its file system has it, whatever it is called where that is mounted. */
struct mounts_place {
	char device[MOUNTS_DEVICE_MAX_BYTES]; /* "8:1" */
	char *path;                           /* from that file system's own root */
};

/* Where a mount shows the place, or a part of it; one of the two is NULL. */
struct mounts_view {
	char *path;  /* what the place is called there */
	char *below; /* what of the place is mounted: "/NAME" and what may follow */
};

/*
 * Finds out what an absolute path without links is a name of; mounts_place_done() frees
 * it. A negative errno: /proc/self/mountinfo cannot be read, or is none.
 */
int mounts_place_init(struct mounts_place *place, const char *path)
	__attribute__((warn_unused_result));
void mounts_place_done(struct mounts_place *place);

/*
 * Calls visit for every mount that a process (its directory in /proc) has of the place;
 * what a view says is borrowed. -ENOENT, -EACCES and kin: it cannot be read.
 */
int mounts_visit(const struct mounts_place *place, int process_fd,
		 void (*visit)(const struct mounts_view *view, void *userdata),
		 void *userdata) __attribute__((warn_unused_result));

#endif
