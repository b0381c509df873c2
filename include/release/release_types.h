/* SPDX-License-Identifier: MIT */
#ifndef RELEASE_RELEASE_TYPES_H
#define RELEASE_RELEASE_TYPES_H

#include <stdbool.h>
#include <stdint.h>

/* Which release this run is about, and what `current` was when it began. */
struct release {
	char *name; /* the target, below releases/ */
	char *revision;
	char *directory;      /* the target's absolute path on this machine */
	char *current_name;   /* what `current` led to; NULL: nothing of ours */
	bool is_fresh;        /* made by this run: its before-publish steps are to run */
	bool is_current;      /* `current` leads to the target */
	bool is_served;       /* the target was current and good: nothing to deploy */
	int64_t activated_ms; /* CLOCK_BOOTTIME of ACTIVATE; 0: all is left as it was */
	char *previous_name;  /* what `current` led to when the run began; NULL: */
	char *previous_revision; /* nothing of that kind, or its REVISION is unreadable */
	bool is_refused;         /* the wanted revision is known not to work */
	const char *refused_cause; /* that of its failure; NULL: unknown. For ever */
};

#endif
