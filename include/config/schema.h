/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

struct json_object;

/*
 * A JSON Schema (draft 2020-12) of one configuration file, from the key table. What it
 * cannot say (limits of time spans, what two values say of each other) it describes; what
 * is required may stand in another file, and is only described, too. The caller puts it.
 */
struct json_object *schema_new(void) __attribute__((returns_nonnull));

#endif
