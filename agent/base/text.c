/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Small helpers on text, and the checks that foreign text must pass before it reaches a
 * path, an argument vector or a unit name. All of them are independent of the locale.
 */

char *text_format(const char *format, ...)
{
	va_list arguments;
	char *text = NULL;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		abort();
	return text;
}

char *text_copy(const char *text)
{
	char *copy;

	if (!text)
		return NULL;
	copy = strdup(text);
	if (!copy)
		abort();
	return copy;
}

bool text_is_equal(const char *a, const char *b)
{
	if (!a || !b)
		return a == b;
	return strcmp(a, b) == 0;
}

static bool is_alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool text_is_revision(const char *text)
{
	size_t length = text ? strspn(text, "0123456789abcdef") : 0;

	return text && text[length] == '\0' && (length == 40 || length == 64);
}

bool text_is_name(const char *text)
{
	size_t length = 0;

	if (!text || text[0] == '.' || text[0] == '-')
		return false;
	for (; text[length]; length++)
		if (!is_alphanumeric(text[length]) && !strchr("._-", text[length]))
			return false;
	return length > 0 && length <= NAME_MAX_BYTES;
}

void text_wipe(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

bool text_is_printable(const char *text)
{
	if (!text || !*text)
		return false;
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

size_t text_character_bytes(const char *text, size_t left_bytes)
{
	const unsigned char *byte = (const unsigned char *)text;
	size_t length = 0;

	if (left_bytes == 0)
		return 0;
	if (byte[0] < 0x80)
		return 1;
	if (byte[0] >= 0xc2 && byte[0] <= 0xf4)
		length = byte[0] < 0xe0 ? 2 : byte[0] < 0xf0 ? 3 : 4;
	if (length > left_bytes)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
	if ((byte[0] == 0xe0 && byte[1] < 0xa0) || (byte[0] == 0xed && byte[1] > 0x9f) ||
	    (byte[0] == 0xf0 && byte[1] < 0x90) || (byte[0] == 0xf4 && byte[1] > 0x8f))
		return 0;
	return length;
}

static bool is_control(const unsigned char *character)
{
	return character[0] < ' ' || character[0] == 127 ||
		(character[0] == 0xc2 && character[1] < 0xa0);
}

void text_make_printable(char *text)
{
	size_t left_bytes = strlen(text);

	while (left_bytes > 0) {
		size_t length = text_character_bytes(text, left_bytes);

		if (length == 0)
			*text = '?';
		else if (is_control((unsigned char *)text))
			memset(text, ' ', length);
		text += length ? length : 1;
		left_bytes -= length ? length : 1;
	}
}

void text_trim_end(char *text)
{
	size_t length = strlen(text);

	while (length > 0 && strchr(" \t\r\n", text[length - 1]))
		text[--length] = '\0';
}
