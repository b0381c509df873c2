/* SPDX-License-Identifier: MIT */
#ifndef GIT_CONTENT_H
#define GIT_CONTENT_H

#include "git/attrline.h"

#include <git2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* What a file will hold: a blob's bytes, borrowed, or what was made of them. */
struct content {
	const char *data;
	size_t length_bytes;
	char *owned; /* data, if it is no blob's any more */
};

void content_done(struct content *content);

#define autocontent __attribute__((cleanup(content_done)))

/* A text that grows, then takes the content's place; aborts when memory is short. */
struct content_text {
	FILE *file;
	char *data;
	size_t length_bytes;
};

void content_text_init(struct content_text *text);
void content_text_add(struct content_text *text, const char *data, size_t length_bytes);
void content_replace(struct content *content, struct content_text *text);

/*
 * Does what `ident` and `eol=crlf` ask for, as git does on its way to a work tree. id: of
 * the blob.
 */
void content_convert(struct content *content, const struct attribute_value *attributes,
		     const git_oid *id);

#endif
