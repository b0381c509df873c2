/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_LEXER_H
#define CONFIG_LEXER_H

#include "config/origin.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

#define LEXER_END (-1)

/* A text that is read from left to right, and where in it we are. */
struct lexer {
	const char *file;
	const char *next, *end;
	unsigned int line, column;
	char *text; /* of the last text read; room for all there is to read. Ours */
	size_t text_bytes;
	struct error *err; /* borrowed: what is refused is told here */
};

void lexer_init(struct lexer *lexer, const char *text, size_t length_bytes,
		const char *file);
void lexer_done(struct lexer *lexer);

/* Where the next character stands. */
struct origin lexer_here(const struct lexer *lexer);

/* The next byte, LEXER_END at the end. */
int lexer_peek(const struct lexer *lexer);

/* Goes on by one byte, which must be there. */
void lexer_step(struct lexer *lexer);

/* Fills the error with "file:line:column: …"; returns -EINVAL. */
int lexer_refuse(const struct lexer *lexer, struct origin origin, const char *format, ...)
	__attribute__((format(printf, 3, 4), warn_unused_result));

/*
 * Refuses what comes next because something else was expected. It is described, never
 * repeated: it might be part of a secret.
 */
int lexer_refuse_next(const struct lexer *lexer, const char *expected)
	__attribute__((warn_unused_result));

/* Goes over blanks. Comments are refused. */
int lexer_skip_blanks(struct lexer *lexer) __attribute__((warn_unused_result));

/* Reads a text into lexer->text; the next byte is its quotation mark. */
int lexer_read_text(struct lexer *lexer) __attribute__((warn_unused_result));

/* Reads a whole number; the next byte is a digit or '-'. */
int lexer_read_number(struct lexer *lexer, int64_t *ret_number)
	__attribute__((warn_unused_result));

/* Reads a word if it is the one that comes next, and nothing longer. */
bool lexer_takes_word(struct lexer *lexer, const char *word);

#endif
