/* SPDX-License-Identifier: MIT */
#ifndef GIT_DAMAGE_H
#define GIT_DAMAGE_H

#include <stdbool.h>

struct error;

/*
 * Whether the mirror at an absolute path holds objects or refs: what goes wrong in one
 * that holds none is not its fault. One that cannot be read is taken for one that does.
 */
bool damage_is_possible(const char *path);

/*
 * Has the last word on a failure, and returns its code: -EUCLEAN stays, with the mirror
 * named, if we may read all its objects, else it is -EACCES. Others stay as they are.
 */
int damage_judge(const char *path, struct error *err) __attribute__((warn_unused_result));

#endif
