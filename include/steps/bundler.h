/* SPDX-License-Identifier: MIT */
#ifndef STEPS_BUNDLER_H
#define STEPS_BUNDLER_H

struct config_texts;

/*
 * The word of a command that is bundler, or the `ruby` before "-S bundle"; borrowed.
 * NULL: the command is not bundler, or bundler with another Gemfile than the release's.
 */
const char *bundler_program(const struct config_texts *command);

#endif
