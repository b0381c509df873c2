/* SPDX-License-Identifier: MIT */
#ifndef LIFECYCLE_LIFECYCLE_TYPES_H
#define LIFECYCLE_LIFECYCLE_TYPES_H

#include "metadata/target.h"

#include <stdbool.h>

struct aws_call;

/* What HOOK started, and what became of it. */
struct hook {
	bool is_configured;    /* there is a hook to look for */
	struct target target;  /* where the instance is going; asked on the loop */
	bool is_wanted;        /* known to be launching in a group */
	struct aws_call *call; /* the look-up under way; NULL: none */
	char *group;           /* NULL: not known yet */
	char *state;           /* the instance's lifecycle state as last told */
	int answer_count;
};

#endif
