/* SPDX-License-Identifier: MIT */
#ifndef STEPS_ENVIRONMENT_H
#define STEPS_ENVIRONMENT_H

struct config_texts;
struct run;

/*
 * The variables ("NAME=value") that this run's steps are given. Those from secrets win
 * over the configuration's, as systemd's EnvironmentFile= wins over Environment=, and
 * these over the user's usual ones. environment_done() wipes and frees them.
 */
void environment_make(const struct run *run, struct config_texts *ret_environment);
void environment_done(struct config_texts *environment);

/* A variable's value, borrowed; NULL: it is not set. */
const char *environment_value(const struct config_texts *environment, const char *name);

#endif
