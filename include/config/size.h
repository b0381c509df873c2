/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_SIZE_H
#define CONFIG_SIZE_H

#include <stdint.h>

/*
 * Reads a size: a whole number of bytes, or of K, M or G, each 1024 of the one before.
 * -EINVAL: it is none, -ERANGE: more than 64 bits hold.
 */
int size_parse(const char *text, int64_t *ret_bytes) __attribute__((warn_unused_result));

/* The shortest way to write a size, "2G", "100". The caller frees it. */
char *size_format(int64_t size_bytes);

#endif
