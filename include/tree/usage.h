/* SPDX-License-Identifier: MIT */
#ifndef TREE_USAGE_H
#define TREE_USAGE_H

#include <stdint.h>

/*
 * The room that a directory and all below it take on the disk, as du(1) counts; what
 * cannot be looked at does not count.
 */
int64_t usage_bytes(int dir_fd);

#endif
