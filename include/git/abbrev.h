/* SPDX-License-Identifier: MIT */
#ifndef GIT_ABBREV_H
#define GIT_ABBREV_H

#include <git2.h>
#include <stddef.h>

/*
 * How many digits of the id git would show: as many as a repository with so many packed
 * objects needs, at least 7, and more until no other object begins with them.
 */
size_t abbrev_length(git_repository *repository, const git_oid *id);

#endif
