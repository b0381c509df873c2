/* SPDX-License-Identifier: MIT */
#ifndef TREE_RUBY_H
#define TREE_RUBY_H

/*
 * Finds the Ruby that bundler runs under, where `program` is bundler or is that Ruby, as
 * execvp(3) would with that PATH. The caller frees both: *ret_ruby, and *ret_missing, the
 * name of what is nowhere in PATH. Both NULL: it cannot be told.
 */
void ruby_find(const char *program, const char *path, char **ret_ruby,
	       char **ret_missing);

#endif
