/* SPDX-License-Identifier: MIT */
#ifndef TREE_WANTED_H
#define TREE_WANTED_H

#include <stddef.h>

struct error;
struct json_object;

/* A step whose outputs are wanted, as a request says it; all borrowed from that. */
struct wanted {
	const char *release, *revision, *run, *step;
	struct json_object *command, *inputs, *outputs;
	struct json_object *environment; /* "NAME=value" */
	struct json_object *key_command; /* NULL: none */
	struct json_object *remembered;  /* {"tool": …, "answer": …}; NULL: nothing */
	const char *path;   /* where its program is looked for; NULL: nowhere */
	const char *answer; /* what key_command said; NULL: not asked yet */
	const char *key;    /* NULL: not known yet */
};

/*
 * Reads and checks them. -EINVAL: one is missing, or a path leads out of the release or
 * belongs to the agent.
 */
int wanted_read(const struct json_object *request, struct wanted *ret_wanted,
		struct error *err) __attribute__((warn_unused_result));

size_t wanted_count(const struct wanted *wanted);
const char *wanted_output(const struct wanted *wanted, size_t index);

/* Where the step's outputs stand while it runs, below the depot. The caller frees it. */
char *wanted_temporary_name(const struct wanted *wanted)
	__attribute__((returns_nonnull, warn_unused_result));

/* The same for outputs that nobody else may have, once it has ended. */
char *wanted_own_name(const struct wanted *wanted)
	__attribute__((returns_nonnull, warn_unused_result));

#endif
