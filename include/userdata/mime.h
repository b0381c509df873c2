/* SPDX-License-Identifier: MIT */
#ifndef USERDATA_MIME_H
#define USERDATA_MIME_H

#include <stdbool.h>
#include <stddef.h>

struct error;

#define MIME_TYPE_BYTES 64
#define MIME_BOUNDARY_BYTES 71 /* RFC 2046: at most 70 */

/* Borrowed bytes. */
struct mime_slice {
	const char *data;
	size_t length_bytes;
};

enum mime_encoding {
	MIME_PLAIN,
	MIME_BASE64,
	MIME_QUOTED_PRINTABLE,
	MIME_UNKNOWN
};

/* One entity: what its header says, and its body as it stands. */
struct mime_entity {
	char type[MIME_TYPE_BYTES]; /* lower case; "text/plain" unless told */
	char boundary[MIME_BOUNDARY_BYTES];
	enum mime_encoding encoding;
	struct mime_slice body;
};

/* Whether the bytes begin like a MIME document: a header with Content-Type. */
bool mime_is_document(struct mime_slice text);

/* Reads header and body of an entity. Never fails: what it does not know is left out. */
void mime_parse(struct mime_slice text, struct mime_entity *ret_entity);

/*
 * The next part of a multi-part body, cut off *rest. false: there is none left. The
 * preamble is skipped; a missing end is taken for the end.
 */
bool mime_next_part(const char *boundary, struct mime_slice *rest,
		    struct mime_slice *ret_part);

/*
 * The body in the clear; the caller frees *ret_data (a NUL follows). -EINVAL: it is not
 * in its encoding.
 */
int mime_decode(const struct mime_entity *entity, char **ret_data,
		size_t *ret_length_bytes, struct error *err)
	__attribute__((warn_unused_result));

#endif
