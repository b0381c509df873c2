/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_READER_H
#define CONFIG_READER_H

#include <stddef.h>

struct error;
struct json_object;

#define READER_DEPTH_MAX 16
#define READER_MAX_BYTES (256 * 1024)

/*
 * Reads a configuration text, one JSON object, and nothing but what RFC 8259 allows; of
 * numbers only whole ones that fit int64_t. Every value and key has its place in `file`
 * (borrowed until the document is put; config/origin.h). The caller puts *ret_document.
 * -EINVAL: "file:line:column: sentence"; no text of the file is repeated in it.
 * -EFBIG: more than READER_MAX_BYTES.
 */
int reader_parse(const char *text, size_t length_bytes, const char *file,
		 struct json_object **ret_document, struct error *err)
	__attribute__((warn_unused_result));

#endif
