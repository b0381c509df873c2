/* SPDX-License-Identifier: MIT */
#ifndef TREE_DIGEST_H
#define TREE_DIGEST_H

#include <nettle/sha2.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

#define DIGEST_HEX_BYTES (2 * SHA256_DIGEST_SIZE + 1)

/*
 * A SHA-256 over values, each with its length in front: no two lists of values give the
 * same bytes. Numbers and lengths are eight bytes, the highest first.
 */
struct digest {
	struct sha256_ctx context;
};

void digest_begin(struct digest *digest);
void digest_number(struct digest *digest, int64_t number);
void digest_bytes(struct digest *digest, const void *data, size_t length_bytes);

/* The bytes of the text; NULL is an empty one. */
void digest_text(struct digest *digest, const char *text);

/* How many there are, and each; NULL is an empty array. */
void digest_texts(struct digest *digest, struct json_object *texts);

/* Bytes of a long value as they come, without a length. */
void digest_part(struct digest *digest, const void *data, size_t length_bytes);

/* What it amounts to, as bytes or as lower-case digits; ready for a new one then. */
void digest_end(struct digest *digest, uint8_t ret_bytes[static SHA256_DIGEST_SIZE]);
void digest_end_hex(struct digest *digest, char ret_text[static DIGEST_HEX_BYTES]);

#endif
