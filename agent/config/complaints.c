/* SPDX-License-Identifier: MIT */
#include "config/complaints.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/*
 * Complaints are collected, so that a person mends a file once and not once a mistake.
 * A file of rubbish has thousands: the first are kept, the rest is counted.
 */

void complaints_add_line(struct complaints *complaints, const char *line)
{
	if (complaints->count < COMPLAINTS_KEPT_MAX)
		complaints->lines[complaints->count] = text_copy(line);
	complaints->count++;
}

void complaints_add(struct complaints *complaints, struct origin origin,
		    const char *format, ...)
{
	char sentence[ERROR_TEXT_MAX_BYTES];
	autofree char *line = NULL;
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	if (origin.line > 0)
		line = text_format("%s:%u:%u: %s", origin.file, origin.line,
				   origin.column, sentence);
	else
		line = text_format("%s: %s", origin.file ? origin.file : "?", sentence);
	text_make_printable(line);
	complaints_add_line(complaints, line);
}

size_t complaints_line_count(const struct complaints *complaints)
{
	return complaints->count > COMPLAINTS_KEPT_MAX ? COMPLAINTS_KEPT_MAX + 1
						       : complaints->count;
}

char *complaints_line(const struct complaints *complaints, size_t index)
{
	if (index < COMPLAINTS_KEPT_MAX)
		return text_copy(complaints->lines[index]);
	return text_format("and %zu more", complaints->count - COMPLAINTS_KEPT_MAX);
}

int complaints_error(const struct complaints *complaints, struct error *err)
{
	if (complaints->count == 1)
		return error_set(err, EINVAL, "%s", complaints->lines[0]);
	return error_set(err, EINVAL,
			 "%.400s; and %zu more, see the log or 'bootagent "
			 "config check'",
			 complaints->lines[0], complaints->count - 1);
}

void complaints_done(struct complaints *complaints)
{
	for (size_t i = 0; i < complaints->count && i < COMPLAINTS_KEPT_MAX; i++)
		free(complaints->lines[i]);
	*complaints = (struct complaints){ .count = 0 };
}
