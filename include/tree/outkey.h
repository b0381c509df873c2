/* SPDX-License-Identifier: MIT */
#ifndef TREE_OUTKEY_H
#define TREE_OUTKEY_H

#include "tree/digest.h"

struct error;
struct layout;
struct wanted;

/* Fixed for ever: what is hashed otherwise one day gets another one. */
#define OUTKEY_VERSION "bootagent-outputs 1"

/*
 * What outputs depend on besides files: the machine's architecture, the C library and the
 * distribution's id and version. Read before the process is confined to its tree; the
 * caller frees it.
 */
char *outkey_platform(void) __attribute__((returns_nonnull, warn_unused_result));

/* Adds all that the key is made of but the inputs. */
void outkey_add_step(struct digest *digest, const struct wanted *wanted,
		     const char *platform);

/* The key of the step's outputs, as the inputs are now. Errors as inputs_digest(). */
int outkey_make(const struct layout *layout, const struct wanted *wanted,
		const char *platform, char ret_key[static DIGEST_HEX_BYTES],
		struct error *err) __attribute__((warn_unused_result));

#endif
