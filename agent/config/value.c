/* SPDX-License-Identifier: MIT */
#include "config/value.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "config/keys.h"
#include "config/span.h"

#include <errno.h>
#include <string.h>

/*
 * One configuration value: its type, its limits, and a sentence when it does not fit.
 * Each type is a row that knows how to read and free itself.
 */

#define ENVIRONMENT_NAME_CHARACTERS \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

static bool is_line(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			return false;
	return true;
}

/* Without userinfo: a URL is shown in errors, status and log. */
static bool is_http_url(const char *text)
{
	size_t scheme = 0, authority;

	if (strncmp(text, "http://", 7) == 0)
		scheme = 7;
	else if (strncmp(text, "https://", 8) == 0)
		scheme = 8;
	if (scheme == 0 || !text_is_printable(text + scheme))
		return false;
	authority = strcspn(text + scheme, "/?#");
	return authority > 0 && !memchr(text + scheme, '@', authority);
}

static bool is_path(const char *text)
{
	size_t length = strlen(text);

	if (text[0] != '/' || length < 2 || !is_line(text) || strstr(text, "//"))
		return false;
	if (strstr(text, "/../") || strstr(text, "/./"))
		return false;
	return text[length - 1] != '/' && text[length - 1] != '.';
}

/* The value's text; NULL: it is none, or one that a NUL inside would cut short. */
static const char *text_of(struct json_object *value)
{
	const char *text = json_object_is_type(value, json_type_string)
		? json_object_get_string(value)
		: NULL;

	if (text && strlen(text) != (size_t)json_object_get_string_len(value))
		return NULL;
	return text;
}

static int refuse(const char *expected, const struct json_object *value,
		  struct error *err)
{
	/* Not the value: it might be a secret at the wrong place. */
	return error_set(err, EINVAL, "expected %s, found %s", expected,
			 json_type_to_name(json_object_get_type(value)));
}

static int read_text(const struct config_key *key, struct json_object *value, void *place,
		     struct error *err)
{
	static const struct {
		bool (*is_valid)(const char *text);
		const char *expected;
	} kinds[] = {
		[CONFIG_TEXT] = { is_line, "a text of one line" },
		[CONFIG_NAME] = { text_is_name,
				  "a name of letters, digits, '.', '_' and '-'" },
		[CONFIG_USER] = { text_is_name, "a user's name" },
		[CONFIG_HTTP_URL] = { is_http_url,
				      "an http or https URL without userinfo" },
		[CONFIG_PATH] = { is_path,
				  "an absolute path without '..' or a slash at its end" },
	};
	const char *text = text_of(value);

	if (!text || !kinds[key->type].is_valid(text))
		return refuse(kinds[key->type].expected, value, err);
	free(*(char **)place);
	*(char **)place = text_copy(text);
	return 0;
}

static int read_count(const struct config_key *key, struct json_object *value,
		      void *place, struct error *err)
{
	int64_t number = json_object_get_int64(value);

	if (!json_object_is_type(value, json_type_int))
		return refuse("a whole number", value, err);
	if (number < key->minimum || number > key->maximum)
		return error_set(err, EINVAL, "%lld is out of its limits, %lld to %lld",
				 (long long)number, (long long)key->minimum,
				 (long long)key->maximum);
	*(int64_t *)place = number;
	return 0;
}

static int read_time(const struct config_key *key, struct json_object *value, void *place,
		     struct error *err)
{
	const char *text = text_of(value);
	int64_t span_ms = 0;

	if (!text)
		return refuse("a time span in quotes such as \"15m\"", value, err);
	if (span_parse(text, &span_ms) < 0)
		return error_set(
			err, EINVAL,
			"'%s' is no time span: write \"90s\", \"15m\", \"1h 30m\"", text);
	if (span_ms < key->minimum || span_ms > key->maximum)
		return error_set(err, EINVAL,
				 "'%s' is out of its limits, %lldms to %lldms", text,
				 (long long)key->minimum, (long long)key->maximum);
	*(int64_t *)place = span_ms;
	return 0;
}

static int read_word(const struct config_key *key, struct json_object *value, void *place,
		     struct error *err)
{
	const char *text = text_of(value);
	autofree char *words = NULL;

	for (int64_t i = 0; key->words[i]; i++) {
		char *longer;

		if (text_is_equal(text, key->words[i])) {
			*(int64_t *)place = i;
			return 0;
		}
		longer = text_format("%s%s'%s'", words ? words : "", words ? ", " : "",
				     key->words[i]);
		free(words);
		words = longer;
	}
	return error_set(err, EINVAL, "expected one of %s", words);
}

static void clear_texts(struct config_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		free(texts->items[i]);
	free(texts->items);
	*texts = (struct config_texts){ 0 };
}

static void add_text(struct config_texts *texts, char *text)
{
	texts->items = memory_grow(texts->items, texts->count ? texts->count + 1 : 0,
				   texts->count + 2, sizeof(*texts->items));
	texts->items[texts->count++] = text;
}

static int read_arguments(const struct config_key *key, struct json_object *value,
			  void *place, struct error *err)
{
	struct config_texts *texts = place;
	size_t count;

	(void)key;
	if (!json_object_is_type(value, json_type_array) ||
	    json_object_array_length(value) == 0)
		return refuse("a list of texts such as [\"bundle\", \"install\"]", value,
			      err);
	clear_texts(texts);
	count = json_object_array_length(value);
	for (size_t i = 0; i < count; i++) {
		struct json_object *item = json_object_array_get_idx(value, i);
		const char *text = text_of(item);

		if (!text || (i == 0 && !is_line(text)))
			return refuse("a list of texts such as [\"bundle\", \"install\"]",
				      item, err);
		add_text(texts, text_copy(text));
	}
	return 0;
}

static bool is_variable_name(const char *name)
{
	return *name && (*name < '0' || *name > '9') &&
		name[strspn(name, ENVIRONMENT_NAME_CHARACTERS)] == '\0';
}

static int read_variables(const struct config_key *key, struct json_object *value,
			  void *place, struct error *err)
{
	struct config_texts *texts = place;

	(void)key;
	if (!json_object_is_type(value, json_type_object))
		return refuse("an object of texts", value, err);
	clear_texts(texts);
	json_object_object_foreach(value, name, text) {
		if (!is_variable_name(name))
			return error_set(err, EINVAL, "'%s' is no name of a variable",
					 name);
		if (!text_of(text))
			return refuse("a text for each variable", text, err);
		add_text(texts, text_format("%s=%s", name, text_of(text)));
	}
	return 0;
}

static bool is_texts(const struct config_key *key)
{
	return key->type == CONFIG_ARGUMENTS || key->type == CONFIG_VARIABLES;
}

static bool is_number(const struct config_key *key)
{
	return key->type == CONFIG_COUNT || key->type == CONFIG_TIME ||
		key->type == CONFIG_WORD;
}

int value_read(const struct config_key *key, struct json_object *value, void *place,
	       struct error *err)
{
	static int (*const readers[])(const struct config_key *key,
				      struct json_object *value, void *place,
				      struct error *err) = {
		[CONFIG_TEXT] = read_text,           [CONFIG_NAME] = read_text,
		[CONFIG_USER] = read_text,           [CONFIG_HTTP_URL] = read_text,
		[CONFIG_PATH] = read_text,           [CONFIG_COUNT] = read_count,
		[CONFIG_TIME] = read_time,           [CONFIG_WORD] = read_word,
		[CONFIG_ARGUMENTS] = read_arguments, [CONFIG_VARIABLES] = read_variables,
	};

	return readers[key->type](key, value, place, err);
}

bool value_is_set(const struct config_key *key, const void *place)
{
	if (is_texts(key))
		return ((const struct config_texts *)place)->count > 0;
	return is_number(key) || *(char *const *)place != NULL;
}

void value_free(const struct config_key *key, void *place)
{
	if (is_texts(key))
		clear_texts(place);
	else if (!is_number(key))
		free(*(char **)place);
}
