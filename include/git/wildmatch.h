/* SPDX-License-Identifier: MIT */
#ifndef GIT_WILDMATCH_H
#define GIT_WILDMATCH_H

#include <stdbool.h>

/*
 * Whether a path matches a pattern of gitattributes(5): '*', '?' and a bracket expression
 * never match a '/', a component of two asterisks matches any number of components. Bytes
 * are compared as they are.
 */
bool wildmatch_is_match(const char *pattern, const char *text);

#endif
