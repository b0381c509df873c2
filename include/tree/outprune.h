/* SPDX-License-Identifier: MIT */
#ifndef TREE_OUTPRUNE_H
#define TREE_OUTPRUNE_H

struct error;
struct json_object;
struct layout;

/*
 * Removes outputs of steps to which no release links, whatever state that is in: those
 * last of use more than {"max_age_ms": N} ago, and then the oldest while all together,
 * linked ones too, take more than {"max_size_bytes": N}. What killed runs left goes as
 * well. Only while no step runs. Adds to the reply {"removed_outputs": N,
 * "removed_bytes": N}.
 */
int outprune(const struct layout *layout, const struct json_object *request,
	     struct json_object *reply, struct error *err)
	__attribute__((warn_unused_result));

#endif
