/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_NULL_H
#define CONFIG_NULL_H

#include "config/origin.h"

#include <stdbool.h>

struct json_object;

/*
 * Whether the document takes back the key of that name (with its sections) by a null, its
 * own or a section's; *ret_origin is where that stands.
 */
bool null_find(struct json_object *document, const char *name, struct origin *ret_origin);

#endif
