/* SPDX-License-Identifier: MIT */
#include "config/span.h"

#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>

/*
 * Time spans in systemd's spelling. Whole numbers only: nobody configures "0.5h", and
 * what is refused cannot be misread. Units below a millisecond make no sense for this
 * agent.
 */

static const struct {
	const char *name;
	int64_t ms;
} units[] = {
	{ "ms", 1 },         { "msec", 1 },         { "", 1000 },
	{ "s", 1000 },       { "sec", 1000 },       { "second", 1000 },
	{ "seconds", 1000 }, { "m", 60000 },        { "min", 60000 },
	{ "minute", 60000 }, { "minutes", 60000 },  { "h", 3600000 },
	{ "hr", 3600000 },   { "hour", 3600000 },   { "hours", 3600000 },
	{ "d", 86400000 },   { "day", 86400000 },   { "days", 86400000 },
	{ "w", 604800000 },  { "week", 604800000 }, { "weeks", 604800000 },
};

static int64_t unit_ms(const char *name, size_t length)
{
	for (size_t i = 0; i < ARRAY_COUNT(units); i++)
		if (strlen(units[i].name) == length &&
		    strncmp(units[i].name, name, length) == 0)
			return units[i].ms;
	return 0;
}

static int parse_number(const char **text, int64_t *ret_number)
{
	int64_t number = 0;
	const char *digit = *text;

	for (; *digit >= '0' && *digit <= '9'; digit++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, *digit - '0', &number))
			return -ERANGE;
	if (digit == *text)
		return -EINVAL;
	*text = digit;
	*ret_number = number;
	return 0;
}

int span_parse(const char *text, int64_t *ret_ms)
{
	int64_t sum_ms = 0;

	text += strspn(text, " ");
	do {
		int64_t number = 0, factor_ms;
		size_t length;
		int result = parse_number(&text, &number);

		if (result < 0)
			return result;
		text += strspn(text, " ");
		length = strspn(text, "abcdefghijklmnopqrstuvwxyz");
		factor_ms = unit_ms(text, length);
		if (factor_ms == 0)
			return -EINVAL;
		if (__builtin_mul_overflow(number, factor_ms, &number) ||
		    __builtin_add_overflow(sum_ms, number, &sum_ms))
			return -ERANGE;
		text += length;
		text += strspn(text, " ");
	} while (*text);
	*ret_ms = sum_ms;
	return 0;
}

char *span_format(int64_t span_ms)
{
	static const struct {
		const char *name;
		int64_t ms;
	} largest_first[] = { { "h", 3600000 }, { "m", 60000 }, { "s", 1000 } };

	for (size_t i = 0; i < ARRAY_COUNT(largest_first); i++)
		if (span_ms > 0 && span_ms % largest_first[i].ms == 0)
			return text_format("%lld%s",
					   (long long)(span_ms / largest_first[i].ms),
					   largest_first[i].name);
	return text_format("%lldms", (long long)span_ms);
}
