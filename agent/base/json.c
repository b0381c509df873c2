/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/*
 * json-c with this project's manners: typed look-ups that never guess, setters that
 * cannot fail, and one strict way to parse. Absent, null and of the wrong type are the
 * same to a reader of machine-made JSON; a caller that needs a member checks for it.
 */

#define JSON_DEPTH_MAX 16
#define JSON_C_0_18 (18 << 8)
/* The longest number json-c writes, or a word, or the signs around a value. */
#define NUMBER_MAX_BYTES 32

static int check_end(struct json_tokener *tokener, const char *text, size_t length_bytes,
		     const char *what, struct error *err)
{
	size_t end = json_tokener_get_parse_end(tokener);

	for (; end < length_bytes; end++)
		if (!strchr(" \t\r\n", text[end]) || text[end] == '\0')
			return error_set(err, EINVAL,
					 "%s: text behind the document, at byte %zu",
					 what, end);
	return 0;
}

/*
 * json-c 0.18 takes every byte above 127 for a control character in its strict mode (a
 * signed char). There such texts are read without it: they are machine-made.
 */
static int tokener_flags(const char *text, size_t length_bytes)
{
	const int flags = JSON_TOKENER_ALLOW_TRAILING_CHARS | JSON_TOKENER_VALIDATE_UTF8;

	if (json_c_version_num() >= JSON_C_0_18)
		for (size_t i = 0; i < length_bytes; i++)
			if ((unsigned char)text[i] > 127)
				return flags;
	return flags | JSON_TOKENER_STRICT;
}

/*
 * The tokener copies every string into a buffer of its own before it makes an object of
 * it. The text may hold secrets (credentials, parameters): the buffer is made as large as
 * the text, so that no growth leaves a copy behind, and wiped at the end.
 */
static void reserve_copies(struct json_tokener *tokener, size_t length_bytes)
{
	int size_bytes = length_bytes < INT_MAX / 2 ? (int)length_bytes + 1 : INT_MAX / 2;

	if (printbuf_memset(tokener->pb, 0, 0, size_bytes) < 0)
		abort();
	printbuf_reset(tokener->pb);
}

static void forget_copies(struct json_tokener *tokener)
{
	explicit_bzero(tokener->pb->buf, (size_t)tokener->pb->size);
}

int json_parse(const char *text, size_t length_bytes, const char *what,
	       struct json_object **ret_document, struct error *err)
{
	struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
	autojson struct json_object *document = NULL;
	enum json_tokener_error problem;
	int result = 0;

	if (!tokener)
		abort();
	reserve_copies(tokener, length_bytes);
	json_tokener_set_flags(tokener, tokener_flags(text, length_bytes));
	/*
	 * The closing NUL counts: a lone number or a truncated text is told only by it.
	 */
	document = json_tokener_parse_ex(tokener, text,
					 length_bytes < INT_MAX ? (int)length_bytes + 1
								: INT_MAX);
	problem = json_tokener_get_error(tokener);
	if (problem != json_tokener_success)
		result = error_set(err, EINVAL, "%s: %s at byte %zu", what,
				   problem == json_tokener_continue
					   ? "the document ends too early"
					   : json_tokener_error_desc(problem),
				   json_tokener_get_parse_end(tokener));
	else
		result = check_end(tokener, text, length_bytes, what, err);
	forget_copies(tokener);
	json_tokener_free(tokener);
	if (result == 0)
		*ret_document = TAKE(document);
	return result;
}

int json_load(int dir_fd, const char *name, size_t max_bytes,
	      struct json_object **ret_document, struct error *err)
{
	autofree char *text = NULL;
	size_t length_bytes;
	int result = file_read(dir_fd, name, max_bytes, &text, &length_bytes, err);

	if (result < 0)
		return result;
	return json_parse(text, length_bytes, name, ret_document, err);
}

struct json_object *json_member(const struct json_object *object, const char *key,
				enum json_type type)
{
	struct json_object *member;

	if (!object || !json_object_is_type(object, json_type_object))
		return NULL;
	if (!json_object_object_get_ex(object, key, &member))
		return NULL;
	return json_object_is_type(member, type) ? member : NULL;
}

const char *json_text(struct json_object *value)
{
	const char *text = json_object_is_type(value, json_type_string)
		? json_object_get_string(value)
		: NULL;

	/*
	 * A C string would end at an escaped NUL, and be another text than the one sent.
	 */
	if (text && strlen(text) != (size_t)json_object_get_string_len(value))
		return NULL;
	return text;
}

const char *json_string(const struct json_object *object, const char *key)
{
	return json_text(json_member(object, key, json_type_string));
}

int64_t json_integer(const struct json_object *object, const char *key, int64_t fallback)
{
	struct json_object *member = json_member(object, key, json_type_int);

	return member ? json_object_get_int64(member) : fallback;
}

bool json_boolean(const struct json_object *object, const char *key)
{
	struct json_object *member = json_member(object, key, json_type_boolean);

	return member && json_object_get_boolean(member);
}

void json_set(struct json_object *object, const char *key, struct json_object *value)
{
	if (json_object_object_add(object, key, value) < 0)
		abort();
}

static struct json_object *or_abort(struct json_object *value)
{
	if (!value)
		abort();
	return value;
}

void json_set_string(struct json_object *object, const char *key, const char *text)
{
	json_set(object, key, text ? or_abort(json_object_new_string(text)) : NULL);
}

void json_set_integer(struct json_object *object, const char *key, int64_t number)
{
	json_set(object, key, or_abort(json_object_new_int64(number)));
}

void json_set_boolean(struct json_object *object, const char *key, bool value)
{
	json_set(object, key, or_abort(json_object_new_boolean(value)));
}

struct json_object *json_new_object(void)
{
	return or_abort(json_object_new_object());
}

struct json_object *json_new_array(void)
{
	return or_abort(json_object_new_array());
}

const char *json_line(struct json_object *document)
{
	const char *text =
		json_object_to_json_string_ext(document,
					       JSON_C_TO_STRING_PLAIN |
						       JSON_C_TO_STRING_NOSLASHESCAPE);

	if (!text)
		abort();
	return text;
}

/* What a text takes between its quotes; a control character may become \uXXXX. */
static size_t text_bytes(const char *text, size_t length)
{
	size_t bytes = 0;

	for (size_t i = 0; i < length; i++)
		bytes += (unsigned char)text[i] < ' ' || strchr("\"\\", text[i]) ? 6 : 1;
	return bytes;
}

/* At least what the value takes in a line, with the comma behind it. */
static size_t line_bytes(struct json_object *value)
{
	size_t bytes = NUMBER_MAX_BYTES, count;

	switch (json_object_get_type(value)) {
	case json_type_string:
		return bytes +
			text_bytes(json_object_get_string(value),
				   (size_t)json_object_get_string_len(value));
	case json_type_object: {
		json_object_object_foreach(value, name, member)
			bytes += NUMBER_MAX_BYTES + text_bytes(name, strlen(name)) +
				line_bytes(member);
		return bytes;
	}
	case json_type_array:
		count = json_object_array_length(value);
		for (size_t i = 0; i < count; i++)
			bytes += line_bytes(json_object_array_get_idx(value, i));
		return bytes;
	default:
		return bytes;
	}
}

/* Writes nothing, into room for all: json-c keeps the buffer for the next time. */
static int write_room(struct json_object *value, struct printbuf *buffer, int level,
		      int flags)
{
	size_t bytes = line_bytes(value);

	(void)level;
	(void)flags;
	if (bytes > INT_MAX / 2 || printbuf_memset(buffer, 0, ' ', (int)bytes) < 0)
		abort();
	printbuf_reset(buffer);
	return 0;
}

char *json_secret_line(struct json_object *document)
{
	const char *line;
	char *copy;

	/* A buffer that grows leaves what it held behind. */
	json_object_set_serializer(document, write_room, NULL, NULL);
	(void)json_line(document);
	json_object_set_serializer(document, NULL, NULL, NULL);
	line = json_line(document);
	copy = text_copy(line);
	explicit_bzero((char *)(uintptr_t)line, strlen(line));
	return copy;
}

void json_add(struct json_object *array, struct json_object *value)
{
	if (json_object_array_add(array, value) < 0)
		abort();
}

void json_add_string(struct json_object *array, const char *text)
{
	json_add(array, or_abort(json_object_new_string(text)));
}

void json_wipe(struct json_object *value)
{
	size_t count;

	switch (json_object_get_type(value)) {
	case json_type_string:
		/* json-c has no way to write into a string: it is only read as const. */
		explicit_bzero((char *)(uintptr_t)json_object_get_string(value),
			       (size_t)json_object_get_string_len(value));
		break;
	case json_type_object: {
		json_object_object_foreach(value, name, member) {
			(void)name;
			json_wipe(member);
		}
		break;
	}
	case json_type_array:
		count = json_object_array_length(value);
		for (size_t i = 0; i < count; i++)
			json_wipe(json_object_array_get_idx(value, i));
		break;
	default:
		break;
	}
}
