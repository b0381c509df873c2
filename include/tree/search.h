/* SPDX-License-Identifier: MIT */
#ifndef TREE_SEARCH_H
#define TREE_SEARCH_H

enum search_end {
	SEARCH_FOUND,
	SEARCH_NOWHERE,
	SEARCH_RELATIVE, /* which one, if any, depends on the working directory */
};

/*
 * Where execvp(3) would find a program with that PATH, as the user that we are. The
 * caller frees *ret_found, NULL where there is none. Blocks on the disk, or on whatever
 * is mounted in PATH.
 */
enum search_end search_program(const char *name, const char *path, char **ret_found);

#endif
