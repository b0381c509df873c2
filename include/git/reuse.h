/* SPDX-License-Identifier: MIT */
#ifndef GIT_REUSE_H
#define GIT_REUSE_H

#include "git/manifest.h"

struct json_object;
struct walk_leaf;

enum reuse_way {
	REUSE_NONE,
	REUSE_COPY, /* as a clone where the file system has such, else in the kernel */
	REUSE_HARDLINK, /* files without write permission, one for all releases */
};

/* The previous release, and where both releases' manifests are. */
struct reuse {
	enum reuse_way way;
	int store_fd;    /* the manifests; -1: none are kept */
	int previous_fd; /* the release's directory; -1: there is none to take from */
	struct manifest previous;
	struct manifest_maker maker;
	char *name; /* of the manifest that is being made */
	bool has_no_clones, has_no_ranges;
	int64_t count; /* files taken */
};

/*
 * Opens what the request's members "previous", "store" and "reuse" speak of, as far as it
 * is there: the release goes into "directory". -EINVAL: "reuse" is no way.
 */
int reuse_open(struct reuse *reuse, const struct json_object *request, struct error *err)
	__attribute__((warn_unused_result));
void reuse_done(struct reuse *reuse);

/* The mode of a new file. */
mode_t reuse_mode(const struct reuse *reuse, bool is_program);

/* Where a file is taken from, and where to: two open directories. */
struct reuse_place {
	int previous_fd; /* -1: the previous release has no such directory */
	int dir_fd;
};

/*
 * Makes the leaf from the previous release's file if that is its blob and untouched.
 * false: it is not, or it did not work out; nothing is left behind, and the blob is to be
 * written.
 */
bool reuse_take(struct reuse *reuse, struct reuse_place place,
		const struct walk_leaf *leaf, mode_t mode, struct stat *ret_status);

/* Keeps the manifest, and none for releases that are gone; as far as it can. */
void reuse_save(struct reuse *reuse, const struct json_object *request);

#endif
