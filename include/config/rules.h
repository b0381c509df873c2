/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_RULES_H
#define CONFIG_RULES_H

struct complaints;
struct json_object;

/*
 * What keys ask of each other, in the layers together: how git is reached and what that
 * needs, links that would lie in each other, what outputs of steps need. Values of the
 * wrong type are passed over: they were complained of in their layer.
 */
void rules_check(struct json_object *document, struct complaints *complaints);

#endif
