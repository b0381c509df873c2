/* SPDX-License-Identifier: MIT */
#ifndef RUN_OPTIONS_H
#define RUN_OPTIONS_H

#include <stdbool.h>

/* The command line's values, on main's stack. Texts are borrowed from argv. */
struct options {
	const char *root;     /* --root, "/" */
	const char *config;   /* --config inside the root */
	const char *operand;  /* of a verb that takes one; NULL: none given */
	const char *ref;      /* --ref; NULL: none given */
	const char *as_layer; /* --as-layer, an ordinary path; NULL: not given */
	bool has_unpin;       /* --unpin */
	bool has_force;       /* --force */
	bool is_json;         /* --json */
	bool has_origin;      /* --origin */
	bool is_verbose;      /* --verbose */
};

#endif
