/* SPDX-License-Identifier: MIT */
#include "config/lexer.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * The words of JSON: blanks, texts, numbers, and the sentences for what is none of them.
 * What people write out of habit (comments, single quotes, a comma at the end, 0.5) has a
 * sentence of its own that says what to write instead.
 */

#define ESCAPES "\"\\/bfnrt"
#define ESCAPED "\"\\/\b\f\n\r\t"
#define SENTENCE_MAX_BYTES 256
#define NOT_UTF8 "a byte that is not UTF-8, 0x%02X: save the file as UTF-8"

void lexer_init(struct lexer *lexer, const char *text, size_t length_bytes,
		const char *file)
{
	*lexer = (struct lexer){
		.file = file,
		.next = text,
		.end = text + length_bytes,
		.line = 1,
		.column = 1,
		.text = memory_new(length_bytes + 1, 1),
	};
}

void lexer_done(struct lexer *lexer)
{
	free(lexer->text);
	lexer->text = NULL;
}

struct origin lexer_here(const struct lexer *lexer)
{
	return (struct origin){ lexer->file, lexer->line, lexer->column };
}

int lexer_peek(const struct lexer *lexer)
{
	return lexer->next < lexer->end ? (unsigned char)*lexer->next : LEXER_END;
}

void lexer_step(struct lexer *lexer)
{
	unsigned char byte = (unsigned char)*lexer->next++;

	if (byte == '\n') {
		lexer->line++;
		lexer->column = 1;
	} else if ((byte & 0xc0) != 0x80) {
		lexer->column++;
	}
}

int lexer_refuse(const struct lexer *lexer, struct origin origin, const char *format, ...)
{
	char sentence[SENTENCE_MAX_BYTES];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	return error_set(lexer->err, EINVAL, "%s:%u:%u: %s", origin.file, origin.line,
			 origin.column, sentence);
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

/* The character that comes next, as a number; it is whole and longer than a byte. */
static unsigned int code_point(const struct lexer *lexer, size_t length)
{
	unsigned int code = (unsigned char)*lexer->next & (0x7fU >> length);

	for (size_t i = 1; i < length; i++)
		code = code << 6 | ((unsigned char)lexer->next[i] & 0x3fU);
	return code;
}

static void describe_next(const struct lexer *lexer, char *ret_text, size_t size_bytes)
{
	int c = lexer_peek(lexer);

	if (c == LEXER_END)
		(void)snprintf(ret_text, size_bytes, "the end of the file");
	else if (c == '"')
		(void)snprintf(ret_text, size_bytes, "a text");
	else if (is_digit(c) || c == '-' || c == '+')
		(void)snprintf(ret_text, size_bytes, "a number");
	else if (is_letter(c))
		(void)snprintf(ret_text, size_bytes, "a word without quotes");
	else if (c == '[')
		(void)snprintf(ret_text, size_bytes, "a list");
	else if (c > ' ' && c < 127)
		(void)snprintf(ret_text, size_bytes, "'%c'", c);
	else if (c < 128)
		(void)snprintf(ret_text, size_bytes, "the control character U+%04X",
			       (unsigned int)c);
	else
		(void)snprintf(ret_text, size_bytes, "the character U+%04X",
			       code_point(lexer,
					  text_character_bytes(lexer->next,
							       (size_t)(lexer->end -
									lexer->next))));
}

int lexer_refuse_next(const struct lexer *lexer, const char *expected)
{
	struct origin here = lexer_here(lexer);
	int c = lexer_peek(lexer);
	size_t length;
	char found[64];

	if (c == '\'')
		return lexer_refuse(lexer, here,
				    "a text in single quotes: JSON wants double quotes");
	length = text_character_bytes(lexer->next, (size_t)(lexer->end - lexer->next));
	if (length > 1 && code_point(lexer, length) >= 0x2018 &&
	    code_point(lexer, length) <= 0x201f)
		return lexer_refuse(lexer, here,
				    "a typographic quotation mark: JSON wants '\"'");
	if (c != LEXER_END && length == 0)
		return lexer_refuse(lexer, here, NOT_UTF8, (unsigned int)c);
	describe_next(lexer, found, sizeof(found));
	return lexer_refuse(lexer, here, "expected %s, found %s", expected, found);
}

int lexer_skip_blanks(struct lexer *lexer)
{
	int c;

	while (lexer->next < lexer->end && strchr(" \t\r\n", *lexer->next) &&
	       *lexer->next)
		lexer_step(lexer);
	c = lexer_peek(lexer);
	if (c == '#' ||
	    (c == '/' && lexer->end - lexer->next > 1 && strchr("/*", lexer->next[1]) &&
	     lexer->next[1]))
		return lexer_refuse(lexer, lexer_here(lexer),
				    "a comment: JSON has none; write a member "
				    "\"_comment\" instead");
	return 0;
}

static void put_byte(struct lexer *lexer, unsigned int byte)
{
	lexer->text[lexer->text_bytes++] = (char)byte;
}

static void put_code_point(struct lexer *lexer, unsigned int code)
{
	if (code < 0x80) {
		put_byte(lexer, code);
		return;
	}
	if (code < 0x800) {
		put_byte(lexer, 0xc0 | code >> 6);
	} else {
		if (code < 0x10000) {
			put_byte(lexer, 0xe0 | code >> 12);
		} else {
			put_byte(lexer, 0xf0 | code >> 18);
			put_byte(lexer, 0x80 | (code >> 12 & 0x3f));
		}
		put_byte(lexer, 0x80 | (code >> 6 & 0x3f));
	}
	put_byte(lexer, 0x80 | (code & 0x3f));
}

/* Reads "uXXXX". */
static int read_unit(struct lexer *lexer, struct origin escape, unsigned int *ret_unit)
{
	unsigned int unit = 0;

	lexer_step(lexer);
	for (int i = 0; i < 4; i++) {
		int c = lexer_peek(lexer);
		int lower = c | 0x20;

		if (is_digit(c))
			unit = unit << 4 | (unsigned int)(c - '0');
		else if (c != LEXER_END && lower >= 'a' && lower <= 'f')
			unit = unit << 4 | (unsigned int)(lower - 'a' + 10);
		else
			return lexer_refuse(lexer, escape,
					    "'\\u' wants four hexadecimal digits; write "
					    "'\\\\' for a backslash");
		lexer_step(lexer);
	}
	*ret_unit = unit;
	return 0;
}

static int read_unicode(struct lexer *lexer, struct origin escape)
{
	unsigned int unit = 0, low = 0;
	int result = read_unit(lexer, escape, &unit);

	if (result == 0 && unit >= 0xd800 && unit < 0xdc00 &&
	    lexer->end - lexer->next > 1 && memcmp(lexer->next, "\\u", 2) == 0) {
		lexer_step(lexer);
		result = read_unit(lexer, escape, &low);
	}
	if (result < 0)
		return result;
	if (unit == 0)
		return lexer_refuse(lexer, escape,
				    "'\\u0000' cannot stand in a text: remove it");
	if (low >= 0xdc00 && low < 0xe000)
		unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
	else if (unit >= 0xd800 && unit < 0xe000)
		return lexer_refuse(lexer, escape,
				    "half of a surrogate pair: write both halves, or the "
				    "character itself");
	put_code_point(lexer, unit);
	return 0;
}

static int read_escape(struct lexer *lexer)
{
	struct origin escape = lexer_here(lexer);
	const char *found;
	int c;

	lexer_step(lexer);
	c = lexer_peek(lexer);
	if (c == 'u')
		return read_unicode(lexer, escape);
	found = c > 0 ? strchr(ESCAPES, c) : NULL;
	if (!found)
		return lexer_refuse(lexer, escape,
				    "a backslash that begins no escape: write '\\\\' for "
				    "a backslash");
	lexer_step(lexer);
	put_byte(lexer, (unsigned char)ESCAPED[found - ESCAPES]);
	return 0;
}

static int read_character(struct lexer *lexer)
{
	size_t left_bytes = (size_t)(lexer->end - lexer->next);
	size_t length = text_character_bytes(lexer->next, left_bytes);
	unsigned char c = (unsigned char)*lexer->next;

	if (c == '\n' || c == '\r')
		return lexer_refuse(lexer, lexer_here(lexer),
				    "the line ends inside a text: close it with '\"', or "
				    "write '\\n' for a line break");
	if (c == '\0')
		return lexer_refuse(lexer, lexer_here(lexer),
				    "the control character U+0000 inside a text: remove "
				    "it");
	if (c < ' ')
		return lexer_refuse(lexer, lexer_here(lexer),
				    "the control character U+%04X inside a text: write "
				    "'\\u%04x'%s",
				    c, c, c == '\t' ? " or '\\t'" : "");
	if (length == 0)
		return lexer_refuse(lexer, lexer_here(lexer), NOT_UTF8, c);
	for (size_t i = 0; i < length; i++) {
		put_byte(lexer, (unsigned char)*lexer->next);
		lexer_step(lexer);
	}
	return 0;
}

int lexer_read_text(struct lexer *lexer)
{
	struct origin begin = lexer_here(lexer);
	int result = 0, c;

	lexer_step(lexer);
	lexer->text_bytes = 0;
	while (result == 0 && (c = lexer_peek(lexer)) != '"') {
		if (c == LEXER_END)
			return lexer_refuse(lexer, begin,
					    "the file ends inside the text that begins "
					    "here: is it cut short?");
		result = c == '\\' ? read_escape(lexer) : read_character(lexer);
	}
	if (result < 0)
		return result;
	lexer_step(lexer);
	lexer->text[lexer->text_bytes] = '\0';
	return 0;
}

int lexer_read_number(struct lexer *lexer, int64_t *ret_number)
{
	struct origin begin = lexer_here(lexer);
	bool is_negative = lexer_peek(lexer) == '-', is_too_large = false;
	int64_t number = 0;
	size_t digits = 0;
	int first, c;

	if (is_negative)
		lexer_step(lexer);
	first = lexer_peek(lexer);
	for (; is_digit(c = lexer_peek(lexer)); digits++) {
		/* Below zero there is room for one more. */
		is_too_large |= __builtin_mul_overflow(number, 10, &number) ||
			__builtin_sub_overflow(number, c - '0', &number);
		lexer_step(lexer);
	}
	if (digits == 0)
		return lexer_refuse(lexer, begin,
				    "a '-' that no digit follows: write a whole number");
	if (digits > 1 && first == '0')
		return lexer_refuse(
			lexer, begin,
			"a number that begins with 0: write it without, or in "
			"double quotes if it is a text");
	if (c == '.' || c == 'e' || c == 'E')
		return lexer_refuse(lexer, begin,
				    "a number with a fraction or an exponent: write a "
				    "whole number");
	if (!is_negative)
		is_too_large |= __builtin_sub_overflow(0, number, &number);
	if (is_too_large)
		return lexer_refuse(lexer, begin,
				    "a number of more than 64 bits: no key takes one so "
				    "large");
	*ret_number = number;
	return 0;
}

bool lexer_takes_word(struct lexer *lexer, const char *word)
{
	size_t length = strlen(word), left_bytes = (size_t)(lexer->end - lexer->next);
	int after;

	if (left_bytes < length || memcmp(lexer->next, word, length) != 0)
		return false;
	after = left_bytes > length ? (unsigned char)lexer->next[length] : LEXER_END;
	if (is_letter(after) || is_digit(after))
		return false;
	for (size_t i = 0; i < length; i++)
		lexer_step(lexer);
	return true;
}
