/* SPDX-License-Identifier: MIT */
#ifndef TREE_INPUTS_H
#define TREE_INPUTS_H

struct digest;
struct error;
struct json_object;
struct layout;

/*
 * Adds what a step reads: each path of the array with all that is below it, from the
 * release of that name. Of a file its content and whether it is executable, of a
 * directory its names in order, of a link its text, and what it leads to if that is below
 * deploy_to. -ENOENT: one is not in the release; -E2BIG, -ELOOP: too much of it.
 */
int inputs_digest(const struct layout *layout, const char *release,
		  struct json_object *inputs, struct digest *digest, struct error *err)
	__attribute__((warn_unused_result));

#endif
