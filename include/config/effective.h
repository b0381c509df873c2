/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_EFFECTIVE_H
#define CONFIG_EFFECTIVE_H

#include "config/origin.h"

struct json_object;

/*
 * The merged layers with every key there is, defaults filled in; a key that neither was
 * set nor has a default is null. What was set keeps its origin, a default has none. The
 * caller puts it.
 */
struct json_object *effective_new(struct json_object *merged)
	__attribute__((returns_nonnull));

/* One value of the effective configuration. Borrowed for the length of the call. */
struct effective_value {
	const char *name; /* "steps[2].run" */
	struct json_object *value;
	struct origin origin; /* no file: a default */
};

/* Calls visit() for every value, in the order of the key table. */
void effective_each(struct json_object *effective,
		    void (*visit)(const struct effective_value *value, void *data),
		    void *data);

#endif
