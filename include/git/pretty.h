/* SPDX-License-Identifier: MIT */
#ifndef GIT_PRETTY_H
#define GIT_PRETTY_H

#include <git2.h>
#include <stdbool.h>
#include <stddef.h>

struct content_text;

/* A commit as pretty formats see it; pretty_done() frees the members. */
struct pretty {
	git_repository *repository; /* borrowed */
	git_commit *commit;         /* borrowed */
	git_buf author, committer;  /* header lines: "Name <mail> seconds +hhmm" */
};

/* False: the commit cannot be read; libgit2 has the error. */
bool pretty_init(struct pretty *pretty, git_repository *repository, git_commit *commit);
void pretty_done(struct pretty *pretty);

/*
 * Adds what the placeholder (behind its '%', with left_bytes to the format's end) stands
 * for, and returns how many bytes it has; 0: it is not one of ours, nothing was added.
 */
size_t pretty_add(const struct pretty *pretty, const char *placeholder, size_t left_bytes,
		  struct content_text *text);

#endif
