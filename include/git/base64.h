/* SPDX-License-Identifier: MIT */
#ifndef GIT_BASE64_H
#define GIT_BASE64_H

#include <stddef.h>

/*
 * The bytes that a base64 text stands for, blanks and line ends left out; a NUL follows
 * them. NULL if it is none, or stands for nothing. The caller frees it.
 */
unsigned char *base64_decode(const char *text, size_t text_bytes,
			     size_t *ret_length_bytes)
	__attribute__((warn_unused_result));

/* The bytes as one line, '=' at the end as needed. The caller frees it. */
char *base64_encode(const unsigned char *data, size_t length_bytes)
	__attribute__((returns_nonnull, warn_unused_result));

#endif
