/* SPDX-License-Identifier: MIT */
#ifndef STATE_PLACES_H
#define STATE_PLACES_H

#include <stdbool.h>
#include <sys/types.h>

struct error;
struct identity;

/* The agent's own directories, held open below the root directory. -1: not open. */
struct places {
	char *root; /* as given, "/" unless --root */
	int root_fd;
	int run_fd;   /* run/bootagent */
	int steps_fd; /* run/bootagent/steps, root's alone */
	int state_fd; /* var/lib/bootagent */
	int cache_fd; /* var/cache/bootagent */
};

/*
 * Opens the root and the directories below it, making those that are missing. Paths are
 * resolved inside the root (openat2, RESOLVE_IN_ROOT); it is not a chroot.
 */
int places_init(struct places *places, const char *root, struct error *err)
	__attribute__((warn_unused_result));

/* Opens what a reader needs: the root, and run/bootagent if it exists. Makes nothing. */
int places_init_reader(struct places *places, const char *root, struct error *err)
	__attribute__((warn_unused_result));

void places_done(struct places *places);

/* Opens a path inside the root; -ENOENT if it is not there. The caller closes *ret_fd. */
int places_open(const struct places *places, const char *path, int flags, int *ret_fd,
		struct error *err) __attribute__((warn_unused_result));

/* How a directory is to be made. */
struct places_directory {
	const char *path; /* inside the root */
	mode_t mode;
	const struct identity *owner; /* NULL: ourselves */
	gid_t group;                  /* with an owner */
	bool is_cache; /* may be removed: whatever was in it is made anew */
};

/*
 * Makes a directory for its owner once, below directories that must be ours or root's and
 * no links, so that nobody can have it made elsewhere; parents
 * that are missing are made as ours, 0755. -EPERM: it exists and belongs to somebody
 * else; nothing is changed then. The caller closes *ret_fd.
 */
int places_make_owned(const struct places *places,
		      const struct places_directory *directory, int *ret_fd,
		      struct error *err) __attribute__((warn_unused_result));

/* The absolute path on this machine of an open directory. The caller frees *ret_path. */
int places_path_of(int fd, char **ret_path, struct error *err)
	__attribute__((warn_unused_result));

#endif
