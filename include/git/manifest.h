/* SPDX-License-Identifier: MIT */
#ifndef GIT_MANIFEST_H
#define GIT_MANIFEST_H

#include <git2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

struct error;

/* A file as an export left it. Only files that hold a blob as it is are in a manifest. */
struct manifest_entry {
	git_oid id;
	int64_t size_bytes, mtime_ns, ctime_ns;
	uint64_t inode;
	const char *path; /* borrowed */
};

/* A manifest that is read from its beginning to its end. */
struct manifest {
	char *data;
	const char *next, *end;
	struct manifest_entry entry;
	bool has_entry;
};

/* A manifest that is made while files are written, in the order of the tree. */
struct manifest_maker {
	FILE *file;
	char *data;
	size_t length_bytes;
	int64_t count;
};

/*
 * Reads the manifest of an export of that revision. false: there is none, or one that is
 * cut, damaged or of another revision. manifest_done() frees it in either case.
 */
bool manifest_load(struct manifest *manifest, int dir_fd, const char *name,
		   const char *revision);
void manifest_done(struct manifest *manifest);

/* The path's entry, or NULL; each path asked for is greater than the one before. */
const struct manifest_entry *manifest_seek(struct manifest *manifest, const char *path);

/* Whether the file is as it was left; a hard link changes the ctime and nothing else. */
bool manifest_is_same(const struct manifest_entry *entry, const struct stat *status,
		      bool is_ctime_needed);

void manifest_begin(struct manifest_maker *maker, const char *revision);
void manifest_add(struct manifest_maker *maker, const char *path, const git_oid *id,
		  const struct stat *status);
void manifest_drop(struct manifest_maker *maker);

/* Puts it under the name, not synced; ends the maker. */
int manifest_save(struct manifest_maker *maker, int dir_fd, const char *name,
		  struct error *err) __attribute__((warn_unused_result));

#endif
