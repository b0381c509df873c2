/* SPDX-License-Identifier: MIT */
#ifndef TREE_GEMFILE_H
#define TREE_GEMFILE_H

#include <stddef.h>

#define GEMFILE_REQUIREMENTS_MAX 8

/* What a Gemfile's `ruby` line asks for. Zeroed: nothing that could be told. */
struct gemfile {
	char *requirements[GEMFILE_REQUIREMENTS_MAX];
	size_t count;
	char *file; /* of `ruby file: "…"`; NULL: none */
};

/*
 * Reads the one `ruby` line of a Gemfile that says in plain texts what it wants. What
 * only Ruby could tell (variables, conditions, engines, another such line) is no demand.
 * gemfile_done() frees it.
 */
void gemfile_read(const char *text, struct gemfile *ret_gemfile);
void gemfile_done(struct gemfile *gemfile);

#define autogemfile __attribute__((cleanup(gemfile_done)))

/*
 * The version in a .ruby-version or .tool-versions file, as bundler reads them for `ruby
 * file:`; the caller frees it. NULL: there is none.
 */
char *gemfile_version_in(const char *text);

#endif
