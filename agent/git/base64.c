/* SPDX-License-Identifier: MIT */
#include "git/base64.h"

#include "base/memory.h"

#include <stdbool.h>
#include <string.h>

/*
 * Base64 (RFC 4648) as keys and host keys are written in it. What was pasted through
 * forms and editors comes with blanks and odd line ends; a text whose length does not fit
 * was cut, and is refused.
 */

static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int digit_of(char c)
{
	const char *place = c ? strchr(digits, c) : NULL;

	return place ? (int)(place - digits) : -1;
}

/* Whether what is left of the last four digits is what an encoder leaves. */
static bool is_good_end(size_t digit_count, size_t padding_count, unsigned int rest)
{
	size_t left = digit_count % 4;

	if (left == 1 || padding_count != (4 - left) % 4)
		return false;
	return (rest & (left == 2 ? 0xfU : left == 3 ? 0x3U : 0)) == 0;
}

unsigned char *base64_decode(const char *text, size_t text_bytes,
			     size_t *ret_length_bytes)
{
	autofree unsigned char *data = memory_new(text_bytes / 4 * 3 + 4, 1);
	size_t length_bytes = 0, digit_count = 0, padding_count = 0;
	unsigned int bits = 0;

	for (size_t i = 0; i < text_bytes; i++) {
		int digit = digit_of(text[i]);

		if (is_blank(text[i]))
			continue;
		padding_count += text[i] == '=';
		if (text[i] == '=')
			continue;
		if (digit < 0 || padding_count > 0)
			return NULL;
		bits = bits << 6 | (unsigned int)digit;
		if (digit_count++ % 4 > 0)
			data[length_bytes++] =
				(unsigned char)(bits >>
						(6 - 2 * ((digit_count - 1) % 4)));
	}
	if (length_bytes == 0 || !is_good_end(digit_count, padding_count, bits))
		return NULL;
	data[length_bytes] = '\0';
	*ret_length_bytes = length_bytes;
	return TAKE(data);
}

char *base64_encode(const unsigned char *data, size_t length_bytes)
{
	char *text = memory_new((length_bytes + 2) / 3 * 4 + 1, 1);
	char *end = text;

	for (size_t i = 0; i < length_bytes; i += 3) {
		size_t left = length_bytes - i;
		unsigned int bits = (unsigned int)data[i] << 16 |
			(left > 1 ? (unsigned int)data[i + 1] << 8 : 0) |
			(left > 2 ? data[i + 2] : 0);

		*end++ = digits[bits >> 18];
		*end++ = digits[bits >> 12 & 63];
		*end++ = left > 1 ? digits[bits >> 6 & 63] : '=';
		*end++ = left > 2 ? digits[bits & 63] : '=';
	}
	return text;
}
