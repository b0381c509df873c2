/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_SOURCE_TYPES_H
#define SOURCE_SOURCE_TYPES_H

/* What SOURCE found. */
struct source {
	char *revision; /* the wanted one, in the mirror */
	char *name;     /* what it was asked for by: a branch, a tag, an id */
};

#endif
