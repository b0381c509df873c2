/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The one error idiom: a code and a fixed text on the caller's stack. Reporting never
 * allocates, so an error on the way out of a failed allocation is still told. Texts that
 * outgrow the buffer are cut at the end: the outer context and the cause's beginning
 * stay. A text is one line of a log or of JSON: what a server sent may not break out of
 * it.
 */

#define ERRNO_MAX 133

static int negative(int number)
{
	if (number == 0)
		return -EIO;
	return number > 0 ? -number : number;
}

static void append(char *text, const char *more)
{
	size_t used = strlen(text);
	size_t length = strnlen(more, ERROR_TEXT_MAX_BYTES - 1 - used);

	memcpy(text + used, more, length);
	text[used + length] = '\0';
}

int error_set(struct error *err, int number, const char *format, ...)
{
	va_list arguments;

	err->code = negative(number);
	va_start(arguments, format);
	(void)vsnprintf(err->text, sizeof(err->text), format, arguments);
	va_end(arguments);
	text_make_printable(err->text);
	return err->code;
}

int error_wrap(struct error *err, const char *format, ...)
{
	char inner[ERROR_TEXT_MAX_BYTES];
	va_list arguments;

	memcpy(inner, err->text, sizeof(inner));
	va_start(arguments, format);
	(void)vsnprintf(err->text, sizeof(err->text), format, arguments);
	va_end(arguments);
	append(err->text, ": ");
	append(err->text, inner);
	text_make_printable(err->text);
	return err->code;
}

const char *error_name(int code)
{
	const char *name = strerrorname_np(abs(code));

	return name ? name : "EIO";
}

int error_number(const char *name)
{
	for (int number = 1; number <= ERRNO_MAX; number++) {
		const char *candidate = strerrorname_np(number);

		if (candidate && strcmp(candidate, name) == 0)
			return number;
	}
	return EIO;
}
