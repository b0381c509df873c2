/* SPDX-License-Identifier: MIT */
#ifndef LIFECYCLE_LIFECYCLE_TYPES_H
#define LIFECYCLE_LIFECYCLE_TYPES_H

#include <stdbool.h>

struct aws_call;

/* What HOOK started, and what became of it. */
struct hook {
	bool is_wanted;        /* in a group, with a hook configured */
	struct aws_call *call; /* the look-up under way; NULL: none */
	char *group;           /* NULL: not known yet */
	char *state;           /* the instance's lifecycle state as last told */
	int answer_count;
};

#endif
