/* SPDX-License-Identifier: MIT */
#ifndef GIT_ENTRY_H
#define GIT_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether a tree entry's name may become a file name: not empty, ".", ".." or ".git" in
 * any case, and without '/'. A name in a tree cannot hold a NUL: it ends there.
 */
bool entry_is_safe_name(const char *name);

/* Whether a blob may become a symbolic link's target: 1 to PATH_MAX - 1 bytes, no NUL. */
bool entry_is_safe_target(const char *target, size_t length_bytes);

#endif
