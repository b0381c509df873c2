/* SPDX-License-Identifier: MIT */
#include "config/value.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/near.h"
#include "base/text.h"
#include "config/config.h"
#include "config/keys.h"
#include "config/repository.h"
#include "config/secret.h"
#include "config/shape.h"
#include "config/size.h"
#include "config/span.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define RELATIVE_PATH                                                          \
	"a path inside the release, without '.', '..' or '//', not REVISION, " \
	"current or .bootagent"
#define HTTP_URL                                                                        \
	"an http or https URL without user or password, as http://HOST:PORT/PATH with " \
	"a port up to 65535"
#define BRANCH                                                                        \
	"a branch's name by git's rules: no blank, '..', '//', '@{', '~', '^', ':', " \
	"'?', '*', '[' or '\\', and no '/' or '.' at an end, nor '-' at its beginning"

/*
 * One configuration value: its type, its limits, and a sentence when it does not fit.
 * Each type is a row that knows how to read and free itself.
 */

const char *value_describe(struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_null:
		return "null";
	case json_type_boolean:
		return "true or false";
	case json_type_double:
	case json_type_int:
		return "a number";
	case json_type_object:
		return "an object";
	case json_type_array:
		return json_object_array_length(value) ? "a list" : "an empty list";
	case json_type_string:
		return json_object_get_string_len(value) ? "a text" : "an empty text";
	}
	return "something else";
}

static int fault_set(struct value_fault *fault, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int fault_set(struct value_fault *fault, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(fault->sentence, sizeof(fault->sentence), format, arguments);
	va_end(arguments);
	return -EINVAL;
}

/* Describes the value, never repeats it. `is_kind`: it has the right type. */
static int refuse(struct value_fault *fault, const char *expected,
		  struct json_object *value, bool is_kind)
{
	const char *found = value_describe(value);

	return fault_set(fault, "expected %s, found %s", expected,
			 is_kind && strcmp(found, "a text") == 0 ? "another text"
								 : found);
}

static bool is_repository(const char *text)
{
	return repository_transport_of(text) != REPOSITORY_UNKNOWN;
}

static int read_text(const struct config_key *key, struct json_object *value, void *place,
		     struct value_fault *fault)
{
	static const struct {
		bool (*is_valid)(const char *text);
		const char *expected;
	} kinds[] = {
		[CONFIG_TEXT] = { shape_is_line, "a text of one line" },
		[CONFIG_NAME] = { text_is_name,
				  "a name of up to 64 letters, digits, '.', '_', '-'" },
		[CONFIG_USER] = { text_is_name, "a user's name" },
		[CONFIG_HTTP_URL] = { shape_is_http_url, HTTP_URL },
		[CONFIG_BRANCH] = { shape_is_branch, BRANCH },
		[CONFIG_PATH] = { shape_is_path,
				  "an absolute path without '..' or a slash at its end" },
		[CONFIG_RELATIVE_PATH] = { shape_is_link, RELATIVE_PATH },
		[CONFIG_REPOSITORY] = { is_repository,
					"a git repository's address as https://, "
					"http://, ssh:// or user@host:path" },
		[CONFIG_SECRET] = { secret_is_name,
				    "the name of a Parameter Store parameter or the ARN "
				    "of a Secrets Manager secret, not the secret "
				    "itself" },
		[CONFIG_UNIT] = { shape_is_unit,
				  "a systemd unit such as \"puma.service\"" },
		[CONFIG_SECRETS] = { secret_is_group,
				     "a Parameter Store path that begins with a slash, "
				     "or the ARN of a Secrets Manager secret" },
	};
	const char *text = json_text(value);

	if (text && *text && key->type == CONFIG_REPOSITORY && !is_repository(text))
		return fault_set(fault, "%s", repository_refusal(text));
	if (!text || !kinds[key->type].is_valid(text))
		return refuse(fault, kinds[key->type].expected, value, true);
	free(*(char **)place);
	*(char **)place = text_copy(text);
	return 0;
}

static int read_count(const struct config_key *key, struct json_object *value,
		      void *place, struct value_fault *fault)
{
	int64_t number = json_object_get_int64(value);
	long long minimum = key->minimum, maximum = key->maximum;

	if (!json_object_is_type(value, json_type_int))
		return fault_set(fault,
				 "expected a whole number from %lld to %lld, found %s",
				 minimum, maximum, value_describe(value));
	if (number < minimum || number > maximum)
		return fault_set(fault,
				 "expected a whole number from %lld to %lld, found %lld",
				 minimum, maximum, (long long)number);
	*(int64_t *)place = number;
	return 0;
}

static int read_time(const struct config_key *key, struct json_object *value, void *place,
		     struct value_fault *fault)
{
	autofree char *minimum = span_format(key->minimum);
	autofree char *maximum = span_format(key->maximum);
	autofree char *found = NULL;
	const char *text = json_text(value);
	int64_t span_ms = 0;

	if (!text || span_parse(text, &span_ms) < 0)
		return refuse(fault,
			      "a time span in double quotes such as \"90s\", \"15m\" or "
			      "\"1h 30m\"",
			      value, true);
	if (span_ms < key->minimum || span_ms > key->maximum) {
		found = span_format(span_ms);
		return fault_set(fault, "expected a time span from %s to %s, found %s",
				 minimum, maximum, found);
	}
	*(int64_t *)place = span_ms;
	return 0;
}

static int read_size(const struct config_key *key, struct json_object *value, void *place,
		     struct value_fault *fault)
{
	autofree char *minimum = size_format(key->minimum);
	autofree char *maximum = size_format(key->maximum);
	autofree char *found = NULL;
	const char *text = json_text(value);
	int64_t size_bytes = 0;

	if (!text || size_parse(text, &size_bytes) < 0)
		return refuse(fault, "a size in double quotes such as \"500M\" or \"2G\"",
			      value, true);
	if (size_bytes < key->minimum || size_bytes > key->maximum) {
		found = size_format(size_bytes);
		return fault_set(fault, "expected a size from %s to %s, found %s",
				 minimum, maximum, found);
	}
	*(int64_t *)place = size_bytes;
	return 0;
}

static int read_boolean(const struct config_key *key, struct json_object *value,
			void *place, struct value_fault *fault)
{
	(void)key;
	if (!json_object_is_type(value, json_type_boolean))
		return refuse(fault, "true or false", value, false);
	*(bool *)place = json_object_get_boolean(value);
	return 0;
}

static int read_word(const struct config_key *key, struct json_object *value, void *place,
		     struct value_fault *fault)
{
	const char *text = json_text(value);
	const char *near = text ? near_of(text, key->words) : NULL;
	autofree char *words = text_copy("one of");
	int result;

	for (int64_t i = 0; key->words[i]; i++) {
		char *longer;

		if (text_is_equal(text, key->words[i])) {
			*(int64_t *)place = i;
			return 0;
		}
		longer = text_format("%s%s '%s'", words, i ? "," : "", key->words[i]);
		free(words);
		words = longer;
	}
	result = refuse(fault, words, value, true);
	if (near) {
		size_t used = strlen(fault->sentence);

		(void)snprintf(fault->sentence + used, sizeof(fault->sentence) - used,
			       ": did you mean '%s'?", near);
	}
	return result;
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
			  void *place, struct value_fault *fault)
{
	struct config_texts *texts = place;
	size_t count;

	(void)key;
	if (!json_object_is_type(value, json_type_array) ||
	    json_object_array_length(value) == 0)
		return refuse(fault,
			      "a command as a list of texts such as [\"bundle\", "
			      "\"install\"]",
			      value, false);
	clear_texts(texts);
	count = json_object_array_length(value);
	for (size_t i = 0; i < count; i++) {
		struct json_object *item = json_object_array_get_idx(value, i);
		const char *text = json_text(item);

		if (i < fault->from)
			continue;
		fault->entry = i;
		if (i == 0 && (!text || !shape_is_line(text)))
			return refuse(fault, "the program's name", item, true);
		if (!text)
			return refuse(fault, "a text", item, false);
		add_text(texts, text_copy(text));
	}
	return 0;
}

/* A list of texts of one kind; it may be empty. */
static int read_texts(const struct config_key *key, struct json_object *value,
		      void *place, struct value_fault *fault)
{
	bool is_path = key->type == CONFIG_RELATIVE_PATHS;
	struct config_texts *texts = place;

	if (!json_object_is_type(value, json_type_array))
		return refuse(fault, "a list of texts", value, false);
	clear_texts(texts);
	for (size_t i = fault->from; i < json_object_array_length(value); i++) {
		struct json_object *item = json_object_array_get_idx(value, i);
		const char *text = json_text(item);

		fault->entry = i;
		if (!text || !(is_path ? shape_is_link(text) : shape_is_line(text)))
			return refuse(fault,
				      is_path ? RELATIVE_PATH : "a text of one line",
				      item, true);
		add_text(texts, text_copy(text));
	}
	return 0;
}

/* NULL, or what is wrong with the name of a member. */
static const char *refuse_name(const struct config_key *key, const char *name)
{
	if (key->type == CONFIG_HEADERS)
		return shape_header_refusal(name);
	return shape_is_variable(name)
		? NULL
		: "expected a variable's name of letters, digits and '_', not beginning "
		  "with a digit";
}

/* Variables, or headers: of these nothing that begins with "x-" is a remark. */
static int read_members(const struct config_key *key, struct json_object *value,
			void *place, struct value_fault *fault)
{
	bool are_headers = key->type == CONFIG_HEADERS;
	struct config_texts *texts = place;
	size_t entry = 0;

	if (!json_object_is_type(value, json_type_object))
		return refuse(fault, "an object of texts", value, false);
	clear_texts(texts);
	json_object_object_foreach(value, name, text) {
		fault->entry = entry++;
		fault->entry_name = name;
		if (fault->entry < fault->from ||
		    (key_is_remark(name) && !(are_headers && name[0] == 'x')))
			continue;
		if (refuse_name(key, name))
			return fault_set(fault, "%s", refuse_name(key, name));
		/* null takes back what a lower layer sets. */
		if (text && !json_text(text))
			return refuse(fault, "a text", text, false);
		if (text && are_headers && !shape_is_header_value(json_text(text)))
			return refuse(
				fault,
				"a header's value of printable ASCII, without blanks "
				"at its ends",
				text, true);
		if (text)
			add_text(texts,
				 text_format(are_headers ? "%s: %s" : "%s=%s", name,
					     json_text(text)));
	}
	return 0;
}

static bool is_texts(const struct config_key *key)
{
	return key->type == CONFIG_ARGUMENTS || key->type == CONFIG_VARIABLES ||
		key->type == CONFIG_HEADERS || key->type == CONFIG_LINES ||
		key->type == CONFIG_RELATIVE_PATHS;
}

/* Kept in its place, with nothing to free. */
static bool is_plain(const struct config_key *key)
{
	return key->type == CONFIG_COUNT || key->type == CONFIG_TIME ||
		key->type == CONFIG_SIZE || key->type == CONFIG_WORD ||
		key->type == CONFIG_BOOLEAN;
}

int value_read(const struct config_key *key, struct json_object *value, void *place,
	       struct value_fault *ret_fault)
{
	static int (*const readers[])(const struct config_key *key,
				      struct json_object *value, void *place,
				      struct value_fault *fault) = {
		[CONFIG_TEXT] = read_text,
		[CONFIG_NAME] = read_text,
		[CONFIG_USER] = read_text,
		[CONFIG_HTTP_URL] = read_text,
		[CONFIG_BRANCH] = read_text,
		[CONFIG_PATH] = read_text,
		[CONFIG_COUNT] = read_count,
		[CONFIG_TIME] = read_time,
		[CONFIG_SIZE] = read_size,
		[CONFIG_WORD] = read_word,
		[CONFIG_BOOLEAN] = read_boolean,
		[CONFIG_ARGUMENTS] = read_arguments,
		[CONFIG_VARIABLES] = read_members,
		[CONFIG_REPOSITORY] = read_text,
		[CONFIG_SECRET] = read_text,
		[CONFIG_SECRETS] = read_text,
		[CONFIG_RELATIVE_PATH] = read_text,
		[CONFIG_HEADERS] = read_members,
		[CONFIG_UNIT] = read_text,
		[CONFIG_LINES] = read_texts,
		[CONFIG_RELATIVE_PATHS] = read_texts,
	};

	*ret_fault =
		(struct value_fault){ .from = ret_fault->from, .entry = VALUE_WHOLE };
	return readers[key->type](key, value, place, ret_fault);
}

bool value_is_set(const struct config_key *key, const void *place)
{
	if (is_texts(key))
		return ((const struct config_texts *)place)->count > 0;
	return is_plain(key) || *(char *const *)place != NULL;
}

void value_free(const struct config_key *key, void *place)
{
	if (is_texts(key))
		clear_texts(place);
	else if (!is_plain(key))
		free(*(char **)place);
}
