/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_OUTPUT_RULES_H
#define CONFIG_OUTPUT_RULES_H

struct complaints;
struct json_object;

/*
 * What the outputs of steps ask of other keys: inputs, a step before publish, and places
 * that nothing else has. As rules_check().
 */
void output_rules_check(struct json_object *document, struct complaints *complaints);

#endif
