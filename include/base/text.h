/* SPDX-License-Identifier: MIT */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define REVISION_HEX_BYTES 40
#define NAME_MAX_BYTES 64

/* A new string; aborts when there is no memory. The caller frees it. */
char *text_format(const char *format, ...)
	__attribute__((format(printf, 1, 2), returns_nonnull, warn_unused_result));

/* A copy, or NULL for NULL. The caller frees it. */
char *text_copy(const char *text) __attribute__((warn_unused_result));

/* Whether both are the same text; NULL equals only NULL. */
bool text_is_equal(const char *a, const char *b);

/*
 * Whether the text is a full hexadecimal object id: 40 digits, or 64 in a SHA-256
 * repository; lower case.
 */
bool text_is_revision(const char *text);

/*
 * Whether the text may stand as one path component, unit name part or file name of ours:
 * letters, digits, '.', '_', '-', not beginning with '.' or '-', 1 to NAME_MAX_BYTES
 * bytes.
 */
bool text_is_name(const char *text);

/* Overwrites a text with zeros and frees it: it was a secret. NULL is fine. */
void text_wipe(char *text);

/* Whether the text is not empty and every byte is printable ASCII without blanks. */
bool text_is_printable(const char *text);

/*
 * Bytes of the UTF-8 character (RFC 3629) at the text's beginning; 0: there is none in
 * the bytes that are left.
 */
size_t text_character_bytes(const char *text, size_t left_bytes);

/*
 * Makes foreign text fit for one line of a log or of JSON, in place: control characters
 * become blanks, and bytes that are not UTF-8 (half a character where a text was cut,
 * too) become '?'.
 */
void text_make_printable(char *text);

/* Cuts blanks and line ends from the end of a text of ours, in place. */
void text_trim_end(char *text);

#endif
