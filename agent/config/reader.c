/* SPDX-License-Identifier: MIT */
#include "config/reader.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "config/lexer.h"

#include <errno.h>
#include <string.h>

/*
 * The strict reader of what people write. json-c builds and keeps the values, but does
 * not read them: it would take the last of two equal keys, NaN and clamped numbers, and
 * it knows no places. What is refused here is refused at its line and column. Objects and
 * lists recurse, READER_DEPTH_MAX deep at most; what is allocated is bounded by the text.
 */

#define LITTLE_ENDIAN_MARK "\xff\xfe"
#define BIG_ENDIAN_MARK "\xfe\xff"
#define UTF8_MARK "\xef\xbb\xbf"

struct reader {
	struct lexer lexer;
	struct origin open[READER_DEPTH_MAX]; /* brackets not closed yet */
	size_t depth;
};

/* The places of a container's entries, in their order. */
struct places_list {
	struct origin *items;
	size_t count;
};

static int read_value(struct reader *reader, struct json_object **ret_value);

static void add_place(struct places_list *list, struct origin origin)
{
	/* Grows by doubling: its size is the count, rounded up to a power of two. */
	if ((list->count & (list->count - 1)) == 0)
		list->items = memory_grow(list->items, list->count,
					  list->count ? 2 * list->count : 1,
					  sizeof(*list->items));
	list->items[list->count++] = origin;
}

static struct json_object *or_abort(struct json_object *value)
{
	if (!value)
		abort();
	return value;
}

static int refuse_next(const struct reader *reader, const char *expected)
{
	const struct lexer *lexer = &reader->lexer;
	struct origin open;

	if (lexer_peek(lexer) != LEXER_END || reader->depth == 0)
		return lexer_refuse_next(lexer, expected);
	open = reader->open[reader->depth - 1];
	return lexer_refuse(lexer, lexer_here(lexer),
			    "expected %s, found the end of the file: what begins at line "
			    "%u, column %u is not closed; is the file cut short?",
			    expected, open.line, open.column);
}

/* Goes over an opening bracket. */
static int enter(struct reader *reader)
{
	struct lexer *lexer = &reader->lexer;

	if (reader->depth == READER_DEPTH_MAX)
		return lexer_refuse(lexer, lexer_here(lexer),
				    "nested deeper than %d: no key needs that",
				    READER_DEPTH_MAX);
	reader->open[reader->depth++] = lexer_here(lexer);
	lexer_step(lexer);
	return lexer_skip_blanks(lexer);
}

/*
 * Behind an entry: goes over a comma, or over the closing bracket and leaves. 1: another
 * entry follows; 0: that was the last.
 */
static int leave_or_go_on(struct reader *reader, char closing)
{
	struct lexer *lexer = &reader->lexer;
	struct origin comma;
	int result = lexer_skip_blanks(lexer);

	if (result < 0)
		return result;
	if (lexer_peek(lexer) == closing) {
		reader->depth--;
		lexer_step(lexer);
		return 0;
	}
	if (lexer_peek(lexer) != ',')
		return refuse_next(reader, closing == '}' ? "',' or '}'" : "',' or ']'");
	comma = lexer_here(lexer);
	lexer_step(lexer);
	result = lexer_skip_blanks(lexer);
	if (result < 0)
		return result;
	if (lexer_peek(lexer) == closing)
		return lexer_refuse(lexer, comma, "a comma before '%c': remove it",
				    closing);
	return 1;
}

/* Refuses a key that stands in the object already. */
static int refuse_twice(const struct reader *reader, struct json_object *object,
			struct origin key, const struct places_list *places)
{
	const struct origin *first = places->items;

	json_object_object_foreach(object, name, value) {
		(void)value;
		if (strcmp(name, reader->lexer.text) == 0)
			break;
		first++;
	}
	return lexer_refuse(&reader->lexer, key,
			    "this key stands in the object already, at line %u, column "
			    "%u: remove one of the two",
			    first->line, first->column);
}

/* Reads `"key": value` into the object. */
static int read_member(struct reader *reader, struct json_object *object,
		       struct places_list *places)
{
	struct lexer *lexer = &reader->lexer;
	struct origin here = lexer_here(lexer);
	struct json_object *value = NULL;
	autofree char *key = NULL;
	int result;

	if (lexer_peek(lexer) != '"')
		return refuse_next(reader,
				   places->count ? "a key in double quotes"
						 : "a key in double quotes, or '}'");
	result = lexer_read_text(lexer);
	if (result < 0)
		return result;
	if (json_object_object_get_ex(object, lexer->text, NULL))
		return refuse_twice(reader, object, here, places);
	key = memory_new(lexer->text_bytes + 1, 1);
	memcpy(key, lexer->text, lexer->text_bytes);
	result = lexer_skip_blanks(lexer);
	if (result == 0 && lexer_peek(lexer) != ':')
		result = refuse_next(reader, "':' behind the key");
	if (result < 0)
		return result;
	lexer_step(lexer);
	result = lexer_skip_blanks(lexer);
	if (result == 0)
		result = read_value(reader, &value);
	if (result < 0)
		return result;
	add_place(places, here);
	json_set(object, key, value);
	return 0;
}

static int read_item(struct reader *reader, struct json_object *list,
		     struct places_list *places)
{
	struct origin here = lexer_here(&reader->lexer);
	struct json_object *value = NULL;
	int result = read_value(reader, &value);

	if (result < 0)
		return result;
	add_place(places, here);
	if (json_object_array_add(list, value) < 0)
		abort();
	return 0;
}

static int read_container(struct reader *reader, struct json_object **ret_container)
{
	struct lexer *lexer = &reader->lexer;
	struct origin here = lexer_here(lexer);
	bool is_object = lexer_peek(lexer) == '{';
	char closing = is_object ? '}' : ']';
	autojson struct json_object *container =
		is_object ? json_new_object() : json_new_array();
	struct places_list places = { 0 };
	int result = enter(reader);
	bool is_empty = result == 0 && lexer_peek(lexer) == closing;

	if (is_empty)
		result = leave_or_go_on(reader, closing);
	else if (result == 0)
		result = 1;
	while (result > 0) {
		result = is_object ? read_member(reader, container, &places)
				   : read_item(reader, container, &places);
		if (result == 0)
			result = leave_or_go_on(reader, closing);
	}
	origin_mark_entries(container, here, places.items, places.count);
	if (result == 0)
		*ret_container = TAKE(container);
	return result;
}

static int read_number(struct lexer *lexer, struct json_object **ret_value)
{
	int64_t number;
	int result = lexer_read_number(lexer, &number);

	if (result == 0)
		*ret_value = or_abort(json_object_new_int64(number));
	return result;
}

static int read_text(struct lexer *lexer, struct json_object **ret_value)
{
	int result = lexer_read_text(lexer);

	if (result == 0)
		*ret_value = or_abort(
			json_object_new_string_len(lexer->text, (int)lexer->text_bytes));
	return result;
}

static int refuse_value(const struct reader *reader)
{
	const struct lexer *lexer = &reader->lexer;
	struct lexer copy = *lexer;
	int c = lexer_peek(lexer);

	if (lexer_takes_word(&copy, "NaN") || lexer_takes_word(&copy, "Infinity"))
		return lexer_refuse(lexer, lexer_here(lexer),
				    "NaN and Infinity are no numbers of JSON: write a "
				    "whole number");
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return lexer_refuse(
			lexer, lexer_here(lexer),
			"a word without quotes: write texts in double quotes; "
			"the words of JSON are true, false and null");
	if (c == '+')
		return lexer_refuse(lexer, lexer_here(lexer),
				    "a number that begins with '+': write it without");
	return refuse_next(reader, "a value");
}

static int read_value(struct reader *reader, struct json_object **ret_value)
{
	struct lexer *lexer = &reader->lexer;
	struct origin here = lexer_here(lexer);
	int c = lexer_peek(lexer), result = 0;

	if (c == '{' || c == '[')
		return read_container(reader, ret_value);
	*ret_value = NULL;
	if (c == '"')
		result = read_text(lexer, ret_value);
	else if (c == '-' || (c >= '0' && c <= '9'))
		result = read_number(lexer, ret_value);
	else if (lexer_takes_word(lexer, "true"))
		*ret_value = or_abort(json_object_new_boolean(true));
	else if (lexer_takes_word(lexer, "false"))
		*ret_value = or_abort(json_object_new_boolean(false));
	else if (!lexer_takes_word(lexer, "null"))
		result = refuse_value(reader);
	if (result == 0 && *ret_value)
		origin_mark(*ret_value, here);
	return result;
}

static bool begins_with(const struct lexer *lexer, const char *bytes)
{
	size_t length = strlen(bytes);

	return (size_t)(lexer->end - lexer->next) >= length &&
		memcmp(lexer->next, bytes, length) == 0;
}

/* What can be said before the first character is read. */
static int check_file(const struct lexer *lexer)
{
	struct origin here = lexer_here(lexer);

	if (begins_with(lexer, UTF8_MARK))
		return lexer_refuse(lexer, here,
				    "the file begins with a byte-order mark: save it as "
				    "UTF-8 without one");
	if (begins_with(lexer, LITTLE_ENDIAN_MARK) || begins_with(lexer, BIG_ENDIAN_MARK))
		return lexer_refuse(lexer, here, "the file is UTF-16: save it as UTF-8");
	return 0;
}

static int read_document(struct reader *reader, struct json_object **ret_document)
{
	struct lexer *lexer = &reader->lexer;
	int result = check_file(lexer);

	if (result == 0)
		result = lexer_skip_blanks(lexer);
	if (result < 0)
		return result;
	if (lexer_peek(lexer) == LEXER_END)
		return lexer_refuse(lexer, lexer_here(lexer),
				    "the file is empty: write one JSON object, '{' to "
				    "'}'");
	if (lexer_peek(lexer) != '{')
		return lexer_refuse_next(lexer, "one JSON object, '{' to '}'");
	result = read_container(reader, ret_document);
	if (result == 0)
		result = lexer_skip_blanks(lexer);
	if (result == 0 && lexer_peek(lexer) != LEXER_END)
		result = lexer_refuse(lexer, lexer_here(lexer),
				      "text behind the end of the object: remove it; a "
				      "file is one object");
	return result;
}

int reader_parse(const char *text, size_t length_bytes, const char *file,
		 struct json_object **ret_document, struct error *err)
{
	autojson struct json_object *document = NULL;
	struct reader reader = { .depth = 0 };
	int result;

	if (length_bytes > READER_MAX_BYTES)
		return error_set(err, EFBIG,
				 "%s: larger than %d KiB: is it the right file?", file,
				 READER_MAX_BYTES / 1024);
	lexer_init(&reader.lexer, text, length_bytes, file);
	reader.lexer.err = err;
	result = read_document(&reader, &document);
	lexer_done(&reader.lexer);
	if (result == 0)
		*ret_document = TAKE(document);
	return result;
}
