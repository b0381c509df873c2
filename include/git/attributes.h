/* SPDX-License-Identifier: MIT */
#ifndef GIT_ATTRIBUTES_H
#define GIT_ATTRIBUTES_H

#include "git/attrline.h"

/* The rules of one .gitattributes file. */
struct attribute_file {
	size_t base_bytes; /* of a path, up to and with the '/' of the file's directory */
	struct attribute_rule *rules;
	size_t rule_count;
};

/* The .gitattributes files that concern a place in the tree, the root's first. */
struct attributes {
	struct attribute_names names;
	struct attribute_file *files;
	size_t file_count;
	struct attribute_value *values; /* one a name, of the last look-up */
};

void attributes_init(struct attributes *attributes);
void attributes_done(struct attributes *attributes);

/*
 * From here on the file with this text (borrowed for the call) counts as well, for paths
 * below its directory: the first base_bytes of theirs, 0 for the root. attributes_leave()
 * ends that, in reverse order.
 */
void attributes_enter(struct attributes *attributes, size_t base_bytes, const char *text);
void attributes_leave(struct attributes *attributes);

/*
 * What is said of a path below all files that were entered: ATTRIBUTE_COUNT values,
 * borrowed until the next call; NULL: no file says anything of anything.
 */
const struct attribute_value *attributes_look_up(struct attributes *attributes,
						 const char *path, bool is_directory);

#endif
