/* SPDX-License-Identifier: MIT */
#ifndef GIT_MIRROR_H
#define GIT_MIRROR_H

#include <git2.h>

struct error;

/*
 * Makes the existing directory at an absolute path a bare repository that is ready for a
 * fetch: makes what is missing, removes what a killed fetch left and whatever would steer
 * libgit2 (alternates, hooks, …), and writes our own config and HEAD. Only for whoever
 * holds the run's lock; call it as the directory's owner with the umask set. -EACCES:
 * this user may not, or is not the owner; -ENOENT: no directory there; -ENOTEMPTY:
 * something else is in it; -EUCLEAN: something of the wrong kind is, where a file or a
 * directory of ours belongs. Blocks on the disk.
 */
int mirror_prepare(const char *path, const char *ref, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Removes the same and makes nothing. Errors: -EACCES, -ENOENT and -ENOTEMPTY as above.
 */
int mirror_sweep(const char *path, struct error *err) __attribute__((warn_unused_result));

/*
 * Makes the mirror the home that libgit2 looks for ~/.ssh/known_hosts in: replaces that
 * file of a mirror that is ready for a fetch.
 */
int mirror_write_known_hosts(const char *path, const char *text, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Opens the bare repository at an absolute path, for its owner or a member of its group;
 * the caller frees it. -EACCES: it is there, but not for this user; -ENOENT: nothing is
 * there, or an empty directory. Never anything else's sign of "no mirror yet" (facts G4).
 */
int mirror_open(const char *path, git_repository **ret_repository, struct error *err)
	__attribute__((warn_unused_result));

#endif
