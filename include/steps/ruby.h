/* SPDX-License-Identifier: MIT */
#ifndef STEPS_RUBY_H
#define STEPS_RUBY_H

#include <stdbool.h>

struct config_texts;
struct error;

/* Whether a command is bundler, with the Gemfile of the release. */
bool ruby_is_bundler(const struct config_texts *command);

/*
 * The Ruby that such a command runs under, sought in `path` as execvp() would; the caller
 * frees *ret_ruby. NULL: it cannot be told. -ENOENT: bundler or its Ruby is nowhere in
 * `path`.
 */
int ruby_find(const struct config_texts *command, const char *path, char **ret_ruby,
	      struct error *err) __attribute__((warn_unused_result));

#endif
