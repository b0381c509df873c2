/* SPDX-License-Identifier: MIT */
#ifndef TREE_CURRENT_H
#define TREE_CURRENT_H

struct error;
struct layout;

/* What the link `current` says. Zeroed = there is no link. */
struct current {
	char *target;  /* the link's text */
	char *release; /* the release it leads to, NULL if that is none */
};

/*
 * The release's name at the end of a link's target, borrowed from it; NULL unless the
 * target is releases/NAME, or that below deploy_to, as Capistrano writes it.
 */
const char *current_release_name(const char *deploy_to, const char *target);

/*
 * Reads the link; current_done() frees what it says. -EISDIR, -EINVAL: a
 * directory or something else stands at `current`.
 */
int current_read(const struct layout *layout, struct current *ret_current,
		 struct error *err) __attribute__((warn_unused_result));
void current_done(struct current *current);

#define autocurrent __attribute__((cleanup(current_done)))

/*
 * Opens the directory of the release that the link names; *ret_fd is -1 if it names none
 * that is there. The caller closes it.
 */
int current_open_release(const struct layout *layout, const struct current *current,
			 int *ret_fd, struct error *err)
	__attribute__((warn_unused_result));

#endif
