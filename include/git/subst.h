/* SPDX-License-Identifier: MIT */
#ifndef GIT_SUBST_H
#define GIT_SUBST_H

#include <git2.h>

struct content;
struct error;

#define SUBST_LEFT_MAX_BYTES 64

/* The commit that is exported. */
struct subst {
	git_repository *repository; /* borrowed */
	git_commit *commit;         /* borrowed */
	/* The placeholders that were left as they are since the last call, or "". */
	char left[SUBST_LEFT_MAX_BYTES];
};

/*
 * Replaces every $Format:…$ by what git's pretty format makes of it, for the attribute
 * export-subst. Placeholders that only git itself can fill in stay, and are told.
 */
int subst_apply(struct subst *subst, struct content *content, struct error *err)
	__attribute__((warn_unused_result));

#endif
