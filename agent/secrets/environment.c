/* SPDX-License-Identifier: MIT */
#include "secrets/environment.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "config/shape.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define NEEDS_BACKSLASH "\"\\`$"
#define HEAD "# bootagent: "
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

char *environment_format(const struct config_texts *variables, const char *group)
{
	size_t size = strlen(HEAD) + strlen(group) + 2;
	char *text, *end;

	for (size_t i = 0; i < variables->count; i++)
		size += 2 * strlen(variables->items[i]) + QUOTES_BYTES;
	text = memory_new(size, 1);
	end = mempcpy(text, HEAD, strlen(HEAD));
	end = mempcpy(end, group, strlen(group));
	*end++ = '\n';
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

/* The bytes of a quoted value up to its last quote; SIZE_MAX: it has none. */
static size_t quoted_length(const char *value)
{
	const char *at = value;

	for (; *at && *at != '"'; at++)
		if (*at == '\\' && *++at == '\0')
			return SIZE_MAX;
	return at[0] == '"' && at[1] == '\n' ? (size_t)(at - value) : SIZE_MAX;
}

static void add(struct config_texts *variables, char *variable)
{
	variables->items =
		memory_grow(variables->items, variables->count ? variables->count + 1 : 0,
			    variables->count + 2, sizeof(*variables->items));
	variables->items[variables->count++] = variable;
}

/* One variable; returns what is behind it, NULL if it is none. */
static const char *parse_variable(const char *text, struct config_texts *variables)
{
	size_t name = strcspn(text, "=\n"), length;
	const char *value = text + name + 2;
	char *variable, *end;

	if (strncmp(text + name, "=\"", 2) != 0)
		return NULL;
	length = quoted_length(value);
	if (length == SIZE_MAX)
		return NULL;
	variable = memory_new(name + length + 2, 1);
	end = mempcpy(variable, text, name);
	add(variables, variable);
	if (!shape_is_variable(variable))
		return NULL;
	*end++ = '=';
	for (size_t i = 0; i < length; i++) {
		i += value[i] == '\\';
		*end++ = value[i];
	}
	return value + length + 2;
}

int environment_parse(const char *text, const char *group,
		      struct config_texts *ret_variables, struct error *err)
{
	size_t head = strlen(HEAD), length = group ? strlen(group) : 0;

	if (strncmp(text, HEAD, head) != 0)
		return error_set(err, EINVAL, "is not as the agent writes it");
	text += head;
	if (group && (strncmp(text, group, length) != 0 || text[length] != '\n'))
		return error_set(err, ESTALE, "is of another configuration");
	text += strcspn(text, "\n");
	text += *text == '\n';
	while (*text) {
		text = parse_variable(text, ret_variables);
		if (!text)
			return error_set(err, EINVAL, "variable %zu is damaged",
					 ret_variables->count + 1);
	}
	return 0;
}
