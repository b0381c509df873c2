/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_SOURCE_TYPES_H
#define SOURCE_SOURCE_TYPES_H

/* What SOURCE found. */
struct source {
	char *revision; /* the wanted one, in the mirror */
};

#endif
