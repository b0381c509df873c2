/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <stdbool.h>

struct config_key;
struct error;
struct json_object;

/*
 * Reads one value of any type but CONFIG_LIST into its place, freeing what stood there.
 * -EINVAL with what was expected; the caller puts file and key before it.
 */
int value_read(const struct config_key *key, struct json_object *value, void *place,
	       struct error *err) __attribute__((warn_unused_result));

/* Whether a value was given or has a default. */
bool value_is_set(const struct config_key *key, const void *place);

/* Frees what the value holds. */
void value_free(const struct config_key *key, void *place);

#endif
