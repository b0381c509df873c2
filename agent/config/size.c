/* SPDX-License-Identifier: MIT */
#include "config/size.h"

#include "base/memory.h"
#include "base/text.h"

#include <errno.h>

/* Sizes as systemd has them in its units (systemd.resource-control(5)), whole numbers. */

static const struct {
	char name;
	int64_t bytes;
} units[] = { { 'G', INT64_C(1) << 30 },
	      { 'M', INT64_C(1) << 20 },
	      { 'K', INT64_C(1) << 10 } };

int size_parse(const char *text, int64_t *ret_bytes)
{
	int64_t number = 0, factor = 1;
	const char *digit = text;

	for (; *digit >= '0' && *digit <= '9'; digit++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, *digit - '0', &number))
			return -ERANGE;
	if (digit == text)
		return -EINVAL;
	for (size_t i = 0; *digit && i < ARRAY_COUNT(units); i++)
		if (units[i].name == *digit)
			factor = units[i].bytes;
	if (*digit && (factor == 1 || digit[1] != '\0'))
		return -EINVAL;
	if (__builtin_mul_overflow(number, factor, ret_bytes))
		return -ERANGE;
	return 0;
}

char *size_format(int64_t size_bytes)
{
	for (size_t i = 0; i < ARRAY_COUNT(units); i++)
		if (size_bytes > 0 && size_bytes % units[i].bytes == 0)
			return text_format("%lld%c",
					   (long long)(size_bytes / units[i].bytes),
					   units[i].name);
	return text_format("%lld", (long long)size_bytes);
}
