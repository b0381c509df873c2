/* SPDX-License-Identifier: MIT */
#ifndef SECRETS_ENVIRONMENT_H
#define SECRETS_ENVIRONMENT_H

#include <stdbool.h>

#include <stddef.h>

struct config_texts;
struct error;

/* Whether systemd takes the text as a variable's value: UTF-8, no control character. */
bool environment_can_hold(const char *value);

/*
 * The variables ("NAME=value") as systemd reads an EnvironmentFile= (systemd.exec(5)):
 * each value in double quotes, behind a remark that says what they are of. May hold
 * secrets. The caller wipes and frees it.
 */
char *environment_format(const struct config_texts *variables, const char *group);

/*
 * Reads what environment_format() wrote, and nothing else. The caller wipes and frees the
 * variables, also after an error. -ESTALE: they are of another group (NULL: any will do);
 * -EINVAL: it is something else.
 */
int environment_parse(const char *text, const char *group,
		      struct config_texts *ret_variables, struct error *err)
	__attribute__((warn_unused_result));

#endif
