/* SPDX-License-Identifier: MIT */
#ifndef SECRETS_ENVIRONMENT_H
#define SECRETS_ENVIRONMENT_H

#include <stdbool.h>

struct config_texts;

/* Whether systemd takes the text as a variable's value: UTF-8, no control character. */
bool environment_can_hold(const char *value);

/*
 * The variables ("NAME=value") as systemd reads an EnvironmentFile= (systemd.exec(5)):
 * each value in double quotes. May hold secrets. The caller wipes and frees it.
 */
char *environment_format(const struct config_texts *variables);

#endif
