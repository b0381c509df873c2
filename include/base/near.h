/* SPDX-License-Identifier: MIT */
#ifndef BASE_NEAR_H
#define BASE_NEAR_H

#include <stddef.h>

#define NEAR_NAME_MAX_BYTES 64

/*
 * How many letters to add, drop or change to make one name of the other (Levenshtein).
 * A name longer than NEAR_NAME_MAX_BYTES is that far away from every other.
 */
size_t near_distance(const char *a, const char *b);

/* How far a name may be away and still be a slip of the pen. */
size_t near_limit(const char *wanted);

/*
 * The nearest of the names (borrowed; the list ends with NULL) that could have been
 * meant, or NULL.
 */
const char *near_of(const char *wanted, const char *const *names);

#endif
