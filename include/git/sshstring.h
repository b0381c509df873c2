/* SPDX-License-Identifier: MIT */
#ifndef GIT_SSHSTRING_H
#define GIT_SSHSTRING_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of a key in SSH's own form, borrowed; what is read is taken off the beginning. */
struct sshstring {
	const unsigned char *data;
	size_t length_bytes;
};

/* A "string" of RFC 4251: four bytes of length, then that many. False: there is none. */
bool sshstring_take(struct sshstring *from, struct sshstring *ret_string);

bool sshstring_is(struct sshstring string, const char *text);

/* A copy with a NUL behind it; the caller frees it. */
char *sshstring_copy(struct sshstring string)
	__attribute__((returns_nonnull, warn_unused_result));

#endif
