/* SPDX-License-Identifier: MIT */
#include "secrets/environment.h"

#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"

#include <string.h>

#define NEEDS_BACKSLASH "\"\\`$"
#define QUOTES_BYTES 4 /* two quotes, a line end, and one to spare */

bool environment_can_hold(const char *value)
{
	size_t left = value ? strlen(value) : 0;

	if (!value)
		return false;
	while (left > 0) {
		size_t length = text_character_bytes(value, left);

		if (length == 0 || *value == 127 ||
		    ((unsigned char)*value < ' ' && *value != '\t' && *value != '\n'))
			return false;
		value += length;
		left -= length;
	}
	return true;
}

char *environment_format(const struct config_texts *variables)
{
	size_t size = 1;
	char *text, *end;

	for (size_t i = 0; i < variables->count; i++)
		size += 2 * strlen(variables->items[i]) + QUOTES_BYTES;
	text = end = memory_new(size, 1);
	for (size_t i = 0; i < variables->count; i++) {
		const char *variable = variables->items[i];
		size_t name = strcspn(variable, "=") + 1;

		end = mempcpy(end, variable, name);
		*end++ = '"';
		for (const char *at = variable + name; *at; at++) {
			if (strchr(NEEDS_BACKSLASH, *at))
				*end++ = '\\';
			*end++ = *at;
		}
		*end++ = '"';
		*end++ = '\n';
	}
	return text;
}
