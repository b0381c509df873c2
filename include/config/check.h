/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

struct complaints;
struct json_object;

/*
 * Holds one layer against the key table: unknown keys, values of the wrong type or out of
 * their limits, list items without a name or with one that another has. Whether something
 * is missing is seen only when all layers are together (config/required.h).
 */
void check_layer(struct json_object *document, struct complaints *complaints);

#endif
