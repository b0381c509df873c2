/* SPDX-License-Identifier: MIT */
#include "config/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "config/origin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What the strict reader takes, where it says it stands, and all that it refuses. */

static struct json_object *read_good(const char *text, size_t length_bytes)
{
	/* A copy that ends with the text, so that a byte too many is seen. */
	char *copy = memory_new(length_bytes ? length_bytes : 1, 1);
	struct json_object *document = NULL;
	struct error err = { 0 };

	memcpy(copy, text, length_bytes);
	if (reader_parse(copy, length_bytes, "F", &document, &err) < 0)
		fail_msg("%s", err.text);
	free(copy);
	return document;
}

static void assert_refused(const char *text, size_t length_bytes, const char *sentence)
{
	char *copy = memory_new(length_bytes ? length_bytes : 1, 1);
	char expected[ERROR_TEXT_MAX_BYTES];
	struct json_object *document = NULL;
	struct error err = { 0 };

	memcpy(copy, text, length_bytes);
	assert_int_equal(reader_parse(copy, length_bytes, "F", &document, &err), -EINVAL);
	free(copy);
	(void)snprintf(expected, sizeof(expected), "F:%s", sentence);
	assert_string_equal(err.text, expected);
	assert_null(document);
}

static void values_are_read(void **state)
{
	static const struct {
		const char *text, *plain;
	} documents[] = {
		{ "{}", "{}" },
		{ " \t\r\n{ } \n", "{}" },
		{ "{\"a\":1,\"b\":[],\"c\":{}}", "{\"a\":1,\"b\":[],\"c\":{}}" },
		{ "{\"a\": [true, false, null, -0, 0, -1]}",
		  "{\"a\":[true,false,null,0,0,-1]}" },
		{ "{\"a\": 9223372036854775807, \"b\": -9223372036854775808}",
		  "{\"a\":9223372036854775807,\"b\":-9223372036854775808}" },
		{ "{\"a\": \"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\uD55C\"}",
		  "{\"a\":\"\\\"\\\\/\\b\\f\\n\\r\\tA\xc3\xa9\xed\x95\x9c\"}" },
		{ "{\"a\": \"\\ud83d\\ude00\xf0\x9f\x98\x80\x7f\"}",
		  "{\"a\":\"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\x7f\"}" },
		{ "{\"\": null, \"a\\u0062\": 1}", "{\"\":null,\"ab\":1}" },
		{ "{\"a\": \"// # 'x', ]}\"}", "{\"a\":\"// # 'x', ]}\"}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(documents); i++) {
		autojson struct json_object *document =
			read_good(documents[i].text, strlen(documents[i].text));

		assert_string_equal(json_line(document), documents[i].plain);
	}
}

static void assert_place(struct origin origin, unsigned int line, unsigned int column)
{
	assert_string_equal(origin.file, "F");
	assert_int_equal(origin.line, line);
	assert_int_equal(origin.column, column);
}

static void values_and_keys_have_their_places(void **state)
{
	static const char text[] = "\n {\"a\": 1,\r\n"
				   "\t\"\xed\x95\x9c\xea\xb8\x80\": [ null, \"x\" ],\n"
				   "  \"n\": null }";
	autojson struct json_object *document = read_good(text, strlen(text));
	struct json_object *a = json_object_object_get(document, "a");
	struct json_object *list = json_object_object_get(document,
							  "\xed\x95\x9c\xea\xb8"
							  "\x80");

	(void)state;
	assert_place(origin_of(document), 2, 2);
	assert_place(origin_of(a), 2, 8);
	assert_place(origin_of_entry(document, 0), 2, 3);
	/* a tab and a letter of three bytes are one column each */
	assert_place(origin_of_entry(document, 1), 3, 2);
	assert_place(origin_of(list), 3, 8);
	assert_place(origin_of_entry(list, 0), 3, 10);
	assert_place(origin_of_entry(list, 1), 3, 16);
	assert_place(origin_of(json_object_array_get_idx(list, 1)), 3, 16);
	assert_place(origin_of_entry(document, 2), 4, 3);
	assert_null(origin_of_entry(document, 3).file);
	assert_null(origin_of(NULL).file);
}

struct refusal {
	const char *text;
	const char *sentence;
};

static void assert_all_refused(const struct refusal *refusals, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_refused(refusals[i].text, strlen(refusals[i].text),
			       refusals[i].sentence);
}

#define EMPTY "the file is empty: write one JSON object, '{' to '}'"
#define OPEN_AT(place) \
	"what begins at line " place " is not closed; is the file cut short?"
#define END "found the end of the file: "

static void documents_that_are_no_object(void **state)
{
	static const struct refusal refusals[] = {
		{ "", "1:1: " EMPTY },
		{ " \n\t\n ", "3:2: " EMPTY },
		{ "[]", "1:1: expected one JSON object, '{' to '}', found a list" },
		{ "\"t\"", "1:1: expected one JSON object, '{' to '}', found a text" },
		{ "-1", "1:1: expected one JSON object, '{' to '}', found a number" },
		{ "null",
		  "1:1: expected one JSON object, '{' to '}', found a word without "
		  "quotes" },
		{ "<xml>", "1:1: expected one JSON object, '{' to '}', found '<'" },
		{ "{} {}",
		  "1:4: text behind the end of the object: remove it; a file is "
		  "one object" },
		{ "{}\n}",
		  "2:1: text behind the end of the object: remove it; a file is "
		  "one object" },
		{ "\xef\xbb\xbf{}",
		  "1:1: the file begins with a byte-order mark: save it "
		  "as UTF-8 without one" },
		{ "\xff\xfe{", "1:1: the file is UTF-16: save it as UTF-8" },
		{ "\xfe\xff{", "1:1: the file is UTF-16: save it as UTF-8" },
	};

	(void)state;
	assert_all_refused(refusals, ARRAY_COUNT(refusals));
	assert_refused("{}\0", 3,
		       "1:3: text behind the end of the object: remove it; a "
		       "file is one object");
	assert_refused("\0{}", 3,
		       "1:1: expected one JSON object, '{' to '}', found the "
		       "control character U+0000");
}

static void documents_that_are_cut_short(void **state)
{
	static const struct refusal refusals[] = {
		{ "{",
		  "1:2: expected a key in double quotes, or '}', " END OPEN_AT(
			  "1, column 1") },
		{ "{\"a",
		  "1:2: the file ends inside the text that begins here: is it cut "
		  "short?" },
		{ "{\"a\\",
		  "1:4: a backslash that begins no escape: write '\\\\' for a "
		  "backslash" },
		{ "{\"a\"",
		  "1:5: expected ':' behind the key, " END OPEN_AT("1, column 1") },
		{ "{\"a\":", "1:6: expected a value, " END OPEN_AT("1, column 1") },
		{ "{\"a\":1", "1:7: expected ',' or '}', " END OPEN_AT("1, column 1") },
		{ "{\"a\":1,",
		  "1:8: expected a key in double quotes, " END OPEN_AT("1, column 1") },
		{ "{\"a\":\n [1,", "2:5: expected a value, " END OPEN_AT("2, column 2") },
		{ "{\"a\": {}\n",
		  "2:1: expected ',' or '}', " END OPEN_AT("1, column 1") },
		{ "{\"a\": -", "1:7: a '-' that no digit follows: write a whole number" },
		{ "{\"a\": tru",
		  "1:7: a word without quotes: write texts in double "
		  "quotes; the words of JSON are true, false and null" },
	};

	(void)state;
	assert_all_refused(refusals, ARRAY_COUNT(refusals));
}

#define COMMENT "a comment: JSON has none; write a member \"_comment\" instead"
#define WORD                                                                          \
	"a word without quotes: write texts in double quotes; the words of JSON are " \
	"true, false and null"

static void habits_of_other_languages(void **state)
{
	static const struct refusal refusals[] = {
		{ "// x\n{}", "1:1: " COMMENT },
		{ "{ /* x */ }", "1:3: " COMMENT },
		{ "{\n  # x\n}", "2:3: " COMMENT },
		{ "{\"a\": 1 // x\n}", "1:9: " COMMENT },
		{ "{} # x", "1:4: " COMMENT },
		{ "{\"a\": 1, }", "1:8: a comma before '}': remove it" },
		{ "{\"a\": [1,\n2\n,\n]}", "3:1: a comma before ']': remove it" },
		{ "{,}", "1:2: expected a key in double quotes, or '}', found ','" },
		{ "{\"a\": [,]}", "1:8: expected a value, found ','" },
		{ "{\"a\": 1,, \"b\": 2}",
		  "1:9: expected a key in double quotes, found ','" },
		{ "{'a': 1}", "1:2: a text in single quotes: JSON wants double quotes" },
		{ "{\"a\": 'b'}",
		  "1:7: a text in single quotes: JSON wants double quotes" },
		{ "{a: 1}",
		  "1:2: expected a key in double quotes, or '}', found a word "
		  "without quotes" },
		{ "{1: 1}",
		  "1:2: expected a key in double quotes, or '}', found a number" },
		{ "{\"a\" = 1}", "1:6: expected ':' behind the key, found '='" },
		{ "{\"a\": 1 \"b\": 2}", "1:9: expected ',' or '}', found a text" },
		{ "{\"a\": [1 2]}", "1:10: expected ',' or ']', found a number" },
		{ "{\"a\": [1}", "1:9: expected ',' or ']', found '}'" },
		{ "{\"a\": yes}", "1:7: " WORD },
		{ "{\"a\": True}", "1:7: " WORD },
		{ "{\"a\": nullx}", "1:7: " WORD },
		{ "{\"a\": \xc2\xa0"
		  "1}",
		  "1:7: expected a value, found the character U+00A0" },
		{ "{\"a\": \xe2\x80\x9c"
		  "b\xe2\x80\x9d}",
		  "1:7: a typographic quotation mark: JSON wants '\"'" },
	};

	(void)state;
	assert_all_refused(refusals, ARRAY_COUNT(refusals));
}

#define FRACTION "a number with a fraction or an exponent: write a whole number"
#define LARGE "a number of more than 64 bits: no key takes one so large"
#define ZERO                                                                        \
	"a number that begins with 0: write it without, or in double quotes if it " \
	"is a text"

static void numbers_that_are_not_whole(void **state)
{
	static const struct refusal refusals[] = {
		{ "{\"a\": 1.0}", "1:7: " FRACTION },
		{ "{\"a\": 0.5}", "1:7: " FRACTION },
		{ "{\"a\": 1e3}", "1:7: " FRACTION },
		{ "{\"a\": -1E3}", "1:7: " FRACTION },
		{ "{\"a\": 9223372036854775808}", "1:7: " LARGE },
		{ "{\"a\": -9223372036854775809}", "1:7: " LARGE },
		{ "{\"a\": 99999999999999999999999999}", "1:7: " LARGE },
		{ "{\"a\": 007}", "1:7: " ZERO },
		{ "{\"a\": -01}", "1:7: " ZERO },
		{ "{\"a\": +1}", "1:7: a number that begins with '+': write it without" },
		{ "{\"a\": .5}", "1:7: expected a value, found '.'" },
		{ "{\"a\": -}",
		  "1:7: a '-' that no digit follows: write a whole number" },
		{ "{\"a\": 0x10}",
		  "1:8: expected ',' or '}', found a word without quotes" },
		{ "{\"a\": NaN}",
		  "1:7: NaN and Infinity are no numbers of JSON: write a "
		  "whole number" },
		{ "{\"a\": Infinity}",
		  "1:7: NaN and Infinity are no numbers of JSON: write a whole number" },
		{ "{\"a\": -Infinity}",
		  "1:7: a '-' that no digit follows: write a whole number" },
	};

	(void)state;
	assert_all_refused(refusals, ARRAY_COUNT(refusals));
}

#define HALF "half of a surrogate pair: write both halves, or the character itself"
#define DIGITS "'\\u' wants four hexadecimal digits; write '\\\\' for a backslash"
#define BYTE(hex) "a byte that is not UTF-8, 0x" hex ": save the file as UTF-8"

static void texts_that_are_none(void **state)
{
	static const struct refusal refusals[] = {
		{ "{\"a\": \"b\nc\"}",
		  "1:9: the line ends inside a text: close it with "
		  "'\"', or write '\\n' for a line break" },
		{ "{\"a\": \"b\tc\"}",
		  "1:9: the control character U+0009 inside a text: "
		  "write '\\u0009' or '\\t'" },
		{ "{\"a\": \"\x1f\"}",
		  "1:8: the control character U+001F inside a text: "
		  "write '\\u001f'" },
		{ "{\"a\": \"\\x\"}",
		  "1:8: a backslash that begins no escape: write "
		  "'\\\\' for a backslash" },
		{ "{\"a\": \"\\u12\"}", "1:8: " DIGITS },
		{ "{\"a\": \"\\u123g\"}", "1:8: " DIGITS },
		{ "{\"a\": \"\\u0000\"}",
		  "1:8: '\\u0000' cannot stand in a text: remove it" },
		{ "{\"a\\u0000\": 1}",
		  "1:4: '\\u0000' cannot stand in a text: remove it" },
		{ "{\"a\": \"\\ud800\"}", "1:8: " HALF },
		{ "{\"a\": \"\\udc00\"}", "1:8: " HALF },
		{ "{\"a\": \"\\ud800\\ud800\"}", "1:8: " HALF },
		{ "{\"a\": \"\\ud800\\n\"}", "1:8: " HALF },
		{ "{\"a\": \"\\ud800\\u12\"}", "1:8: " DIGITS },
		{ "{\"a\": \"\xff\"}", "1:8: " BYTE("FF") },
		{ "{\"a\": \"\xc3\"}", "1:8: " BYTE("C3") },
		{ "{\"a\": \"\x80\"}", "1:8: " BYTE("80") },
		/* overlong, a surrogate, beyond U+10FFFF */
		{ "{\"a\": \"\xc0\xaf\"}", "1:8: " BYTE("C0") },
		{ "{\"a\": \"\xe0\x80\xaf\"}", "1:8: " BYTE("E0") },
		{ "{\"a\": \"\xf0\x80\x80\xaf\"}", "1:8: " BYTE("F0") },
		{ "{\"a\": \"\xed\xa0\x80\"}", "1:8: " BYTE("ED") },
		{ "{\"a\": \"\xf4\x90\x80\x80\"}", "1:8: " BYTE("F4") },
		{ "{\xe9: 1}", "1:2: " BYTE("E9") },
	};

	(void)state;
	assert_all_refused(refusals, ARRAY_COUNT(refusals));
	assert_refused("{\"a\": \"b\0c\"}", 12,
		       "1:9: the control character U+0000 inside a text: remove it");
}

static void keys_that_stand_twice(void **state)
{
	static const struct refusal refusals[] = {
		{ "{\"a\": 1,\n \"b\": 2, \"a\": 1}",
		  "2:10: this key stands in the object already, at line 1, column 2: "
		  "remove one of the two" },
		{ "{\"x\": 1, \"a\": null,\n \"\\u0061\": 1}",
		  "2:2: this key stands in the object already, at line 1, column 10: "
		  "remove one of the two" },
		{ "{\"a\": {\"b\": 1}, \"c\": {\"b\": 1, \"b\": 1}}",
		  "1:31: this key stands in the object already, at line 1, column 23: "
		  "remove one of the two" },
	};

	(void)state;
	assert_all_refused(refusals, ARRAY_COUNT(refusals));
}

/* {"a": [[[…]]]} with that many containers in all. */
static size_t nest(char *text, int depth)
{
	size_t length = (size_t)sprintf(text, "{\"a\":");

	for (int i = 1; i < depth; i++)
		text[length++] = '[';
	if (depth == 1)
		text[length++] = '1';
	for (int i = 1; i < depth; i++)
		text[length++] = ']';
	text[length++] = '}';
	return length;
}

static void nesting_has_a_limit(void **state)
{
	static char text[1024];
	struct json_object *document;

	(void)state;
	document = read_good(text, nest(text, READER_DEPTH_MAX));
	json_object_put(document);
	assert_refused(text, nest(text, READER_DEPTH_MAX + 1),
		       "1:21: nested deeper than 16: no key needs that");
	memset(text, '[', sizeof(text));
	memcpy(text, "{\"a\":", 5);
	assert_refused(text, sizeof(text),
		       "1:21: nested deeper than 16: no key needs "
		       "that");
}

static void size_has_a_limit(void **state)
{
	char *text = memory_new(READER_MAX_BYTES + 1, 1);
	struct json_object *document;
	struct error err = { 0 };

	(void)state;
	memset(text, ' ', READER_MAX_BYTES + 1);
	memcpy(text, "{}", 2);
	document = read_good(text, READER_MAX_BYTES);
	json_object_put(document);
	document = NULL;
	assert_int_equal(reader_parse(text, READER_MAX_BYTES + 1, "F", &document, &err),
			 -EFBIG);
	assert_string_equal(err.text, "F: larger than 256 KiB: is it the right file?");
	assert_null(document);
	free(text);
}

/* What is half of a pair of brackets, quotes or escapes ends in a sentence, too. */
static void every_beginning_is_refused(void **state)
{
	static const char text[] = "{\"a\": [1, -2, \"\\ud83d\\ude00\\n\xed\x95\x9c\"], "
				   "\"b\": {\"c\": null, \"d\": true}}";

	(void)state;
	for (size_t i = 0; i < strlen(text); i++) {
		char *copy = memory_new(i ? i : 1, 1);
		struct json_object *document = NULL;
		struct error err = { 0 };

		memcpy(copy, text, i);
		assert_int_equal(reader_parse(copy, i, "F", &document, &err), -EINVAL);
		assert_int_equal(strncmp(err.text, "F:1:", 4), 0);
		assert_null(document);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_read),
		cmocka_unit_test(values_and_keys_have_their_places),
		cmocka_unit_test(documents_that_are_no_object),
		cmocka_unit_test(documents_that_are_cut_short),
		cmocka_unit_test(habits_of_other_languages),
		cmocka_unit_test(numbers_that_are_not_whole),
		cmocka_unit_test(texts_that_are_none),
		cmocka_unit_test(keys_that_stand_twice),
		cmocka_unit_test(nesting_has_a_limit),
		cmocka_unit_test(size_has_a_limit),
		cmocka_unit_test(every_beginning_is_refused),
	};

	return cmocka_run_group_tests_name("config_reader", tests, NULL, NULL);
}
