/* SPDX-License-Identifier: MIT */
#include "steps/bundler.h"

#include "config/config.h"

#include <stdbool.h>
#include <string.h>

/*
 * A step is known for bundler by its words alone. Where the program lies is for the
 * application's user to look (tree/ruby.c): PATH may lead through directories of that
 * user's.
 */

/* "bundle", and Debian's "bundle3.1". */
static bool is_called(const char *path, const char *name)
{
	const char *base = basename(path);
	size_t length = strlen(name);

	return strncmp(base, name, length) == 0 &&
		base[length + strspn(base + length, "0123456789.")] == '\0';
}

static bool is_bundle(const char *path)
{
	return is_called(path, "bundle") || is_called(path, "bundler");
}

/* Behind `env` and the variables it sets; NULL: it does more, or sets what matters. */
static const char *const *skip_env(const char *const *arguments)
{
	if (!is_called(*arguments, "env"))
		return arguments;
	for (arguments++; *arguments && strchr(*arguments, '='); arguments++)
		if (strncmp(*arguments, "PATH=", 5) == 0 ||
		    strncmp(*arguments, "BUNDLE_GEMFILE=", 15) == 0)
			return NULL;
	return *arguments && **arguments != '-' ? arguments : NULL;
}

static bool has_gemfile(const struct config_texts *command)
{
	for (size_t i = 0; i < command->count; i++)
		if (strncmp(command->items[i], "--gemfile", 9) == 0)
			return true;
	return false;
}

const char *bundler_program(const struct config_texts *command)
{
	const char *const *at = skip_env((const char *const *)command->items);

	if (!at || has_gemfile(command))
		return NULL;
	if (is_called(*at, "ruby"))
		return at[1] && strcmp(at[1], "-S") == 0 && at[2] && is_bundle(at[2])
			? *at
			: NULL;
	return is_bundle(*at) ? *at : NULL;
}
