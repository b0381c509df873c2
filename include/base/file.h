/* SPDX-License-Identifier: MIT */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct error;

enum file_durability {
	FILE_VOLATILE, /* renamed, not synced: /run, or what is synced later as a whole */
	FILE_DURABLE,  /* file and directory are synced before the call returns */
};

/*
 * Reads a regular file of at most max_bytes below dir_fd (never through a symbolic link
 * at the last component). The text gets a closing NUL; the caller frees it. -ENOENT:
 * there is none; -EFBIG: it is larger; -EINVAL: not a regular file.
 */
int file_read(int dir_fd, const char *name, size_t max_bytes, char **ret_data,
	      size_t *ret_length_bytes, struct error *err)
	__attribute__((warn_unused_result));

/* The same of a file that is open already; `name` is for the errors. */
int file_read_open(int fd, const char *name, size_t max_bytes, char **ret_data,
		   size_t *ret_length_bytes, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Opens a path inside a root directory: no link and no ".." leads out of it (openat2,
 * RESOLVE_IN_ROOT). The descriptor, which the caller closes, or a negative errno.
 */
int file_open_inside(int root_fd, const char *path, int flags)
	__attribute__((warn_unused_result));

/*
 * Opens a path on which no component is a symbolic link (openat2, RESOLVE_NO_SYMLINKS);
 * -ELOOP: one is. dir_fd is where a relative path begins. The descriptor, which the
 * caller closes, or a negative errno.
 */
int file_open_without_links(int dir_fd, const char *path, int flags)
	__attribute__((warn_unused_result));

/*
 * Opens a path below a directory; links are followed as long as no part of the way leaves
 * it (openat2, RESOLVE_BENEATH): -EXDEV. The descriptor, which the caller closes, or a
 * negative errno.
 */
int file_open_beneath(int dir_fd, const char *path, int flags)
	__attribute__((warn_unused_result));

/*
 * Replaces a file by a text in one step: a temporary of the same directory is written,
 * synced where durable, and renamed over the name. Readers see the old contents or the
 * new ones.
 */
int file_write(int dir_fd, const char *name, const char *text, mode_t mode,
	       enum file_durability durability, struct error *err)
	__attribute__((warn_unused_result));

/* What a file is to hold. */
struct file_content {
	const char *data;
	size_t length_bytes;
	mode_t mode;
};

/* file_write() for what is no text. */
int file_write_bytes(int dir_fd, const char *name, const struct file_content *content,
		     enum file_durability durability, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Makes `name` a symbolic link to target in one step, whatever link stood there before.
 * -EISDIR: a directory stands at the name (it is left alone).
 */
int file_link(int dir_fd, const char *name, const char *target,
	      enum file_durability durability, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Gives what stands at `name` another name in the same directory, whatever it is; synced
 * before it returns. For a directory the new name must be free, or an empty directory's.
 */
int file_move(int dir_fd, const char *name, const char *new_name, struct error *err)
	__attribute__((warn_unused_result));

/* Removes a file, synced; no file is no error. */
int file_remove(int dir_fd, const char *name, struct error *err)
	__attribute__((warn_unused_result));

/* Whether a file of that name is a temporary one, which file_sweep() removes. */
bool file_is_temporary(const char *name);

/*
 * Removes what killed runs left in the directory: files and links with a temporary name
 * of ours. Only for the holder of the lock that guards the directory. As far as it can:
 * litter is no error.
 */
void file_sweep(int dir_fd);

/*
 * Opens the directory `name` below dir_fd, making it with the mode when it is missing;
 * never through a symbolic link. The caller closes *ret_fd.
 */
int file_make_directory(int dir_fd, const char *name, mode_t mode, int *ret_fd,
			struct error *err) __attribute__((warn_unused_result));

/* Writes everything to an open file, however often write() must be called. */
int file_write_all(int fd, const char *data, size_t length_bytes)
	__attribute__((warn_unused_result));

#endif
