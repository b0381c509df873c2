/* SPDX-License-Identifier: MIT */
#include "tree/digest.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

/*
 * The canonical form of what is hashed. A length stands before each value, so that "ab",
 * "c" and "a", "bc" are two things, and what one person writes into a file never looks
 * like what another one configures.
 */

void digest_begin(struct digest *digest)
{
	sha256_init(&digest->context);
}

void digest_part(struct digest *digest, const void *data, size_t length_bytes)
{
	sha256_update(&digest->context, length_bytes, data);
}

void digest_number(struct digest *digest, int64_t number)
{
	uint64_t left = (uint64_t)number;
	uint8_t bytes[8];

	for (size_t i = sizeof(bytes); i > 0; i--) {
		bytes[i - 1] = (uint8_t)(left & 0xff);
		left >>= 8;
	}
	digest_part(digest, bytes, sizeof(bytes));
}

void digest_bytes(struct digest *digest, const void *data, size_t length_bytes)
{
	digest_number(digest, (int64_t)length_bytes);
	digest_part(digest, data, length_bytes);
}

void digest_text(struct digest *digest, const char *text)
{
	digest_bytes(digest, text ? text : "", text ? strlen(text) : 0);
}

void digest_texts(struct digest *digest, struct json_object *texts)
{
	size_t count = texts ? json_object_array_length(texts) : 0;

	digest_number(digest, (int64_t)count);
	for (size_t i = 0; i < count; i++) {
		struct json_object *text = json_object_array_get_idx(texts, i);

		digest_bytes(digest, json_object_get_string(text),
			     (size_t)json_object_get_string_len(text));
	}
}

void digest_end(struct digest *digest, uint8_t ret_bytes[static SHA256_DIGEST_SIZE])
{
	sha256_digest(&digest->context, SHA256_DIGEST_SIZE, ret_bytes);
}

void digest_end_hex(struct digest *digest, char ret_text[static DIGEST_HEX_BYTES])
{
	uint8_t bytes[SHA256_DIGEST_SIZE];

	digest_end(digest, bytes);
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(ret_text + 2 * i, 3, "%02x", bytes[i]);
}
