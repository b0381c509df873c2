/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/scratch.h"

#include <errno.h>

/* json-c with our manners: one whole strict document, and look-ups that never guess. */

static int parse(const char *text, struct error *err)
{
	autojson struct json_object *document = NULL;

	return json_parse(text, strlen(text), "the reply", &document, err);
}

static void parse_takes_one_whole_document(void **state)
{
	const char *const right[] = {
		"{}",       "[]",   "  {\"a\": [1, 2.5, null]}\r\n\t ", "12",
		"\"text\"", "true", "\"\\ud55c\\ud83d\\ude00\""
	};
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(right); i++)
		assert_int_equal(parse(right[i], &err), 0);
}

static void parse_refuses_the_rest(void **state)
{
	const char *const wrong[] = {
		"",           " ",        "{",        "{\"a\": 1",     "{\"a\": 1,}",
		"[1,]",       "{} {}",    "{}x",      "{a: 1}",        "\"open",
		"tru",        "nothing",  "// x\n{}", "{\"a\": 01}",   "\"\xff\"",
		"{} /* c */", "\"\xc3\"", "1 2",      "{\"a\" \"b\"}", "\"\xed\x95\"",
	};
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		err.text[0] = '\0';
		if (parse(wrong[i], &err) != -EINVAL)
			fail_msg("took '%s'", wrong[i]);
		assert_memory_equal(err.text, "the reply: ", 11);
	}
}

static void parse_says_where(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(parse("{\"a\": x}", &err), -EINVAL);
	assert_non_null(strstr(err.text, "byte 6"));
	assert_int_equal(parse("{}   x", &err), -EINVAL);
	assert_non_null(strstr(err.text, "byte 5"));
}

static void parse_sees_a_nul_in_the_text(void **state)
{
	const char text[] = "{}\0{}";
	struct json_object *document = NULL;
	struct error err = { 0 };

	(void)state;
	assert_int_equal(json_parse(text, sizeof(text) - 1, "x", &document, &err),
			 -EINVAL);
	assert_null(document);
	assert_int_equal(json_parse("\0", 1, "x", &document, &err), -EINVAL);
}

static void parse_bounds_the_depth(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(parse("[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]", &err), 0);
	assert_int_equal(parse("[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", &err), -EINVAL);
}

static struct json_object *sample(void)
{
	static const char text[] =
		"{\"text\": \"t\", \"number\": 7, \"big\": 9223372036854775807, "
		"\"real\": 1.5, \"yes\": true, \"no\": false, \"nothing\": null, "
		"\"nul\": \"a\\u0000b\", \"list\": [1], \"map\": {\"k\": \"v\"}}";
	struct json_object *document = NULL;
	struct error err = { 0 };

	assert_int_equal(json_parse(text, strlen(text), "sample", &document, &err), 0);
	return document;
}

static void lookups_never_guess(void **state)
{
	autojson struct json_object *document = sample();

	(void)state;
	assert_string_equal(json_string(document, "text"), "t");
	assert_null(json_string(document, "number"));
	assert_null(json_string(document, "nothing"));
	assert_null(json_string(document, "absent"));
	assert_int_equal(json_integer(document, "number", -1), 7);
	assert_true(json_integer(document, "big", -1) == INT64_MAX);
	assert_int_equal(json_integer(document, "real", -1), -1);
	assert_int_equal(json_integer(document, "text", -1), -1);
	assert_int_equal(json_integer(document, "yes", -1), -1);
	assert_int_equal(json_integer(document, "absent", -1), -1);
	assert_true(json_boolean(document, "yes"));
	assert_false(json_boolean(document, "no"));
	assert_false(json_boolean(document, "number"));
	assert_false(json_boolean(document, "absent"));
}

/* "20260101\u0000/../x" must not pass for "20260101". */
static void text_with_a_nul_is_no_text(void **state)
{
	autojson struct json_object *document = sample();

	(void)state;
	assert_null(json_string(document, "nul"));
}

static void lookups_take_anything_for_an_object(void **state)
{
	autojson struct json_object *array = json_new_array();

	(void)state;
	assert_null(json_string(NULL, "a"));
	assert_null(json_string(array, "a"));
	assert_int_equal(json_integer(NULL, "a", 3), 3);
	assert_false(json_boolean(array, "a"));
	assert_null(json_member(NULL, "a", json_type_object));
}

static void members_have_the_type_asked_for(void **state)
{
	autojson struct json_object *document = sample();

	(void)state;
	assert_string_equal(json_string(json_member(document, "map", json_type_object),
					"k"),
			    "v");
	assert_non_null(json_member(document, "list", json_type_array));
	assert_null(json_member(document, "list", json_type_object));
	assert_null(json_member(document, "absent", json_type_object));
}

static void setters_make_one_line(void **state)
{
	autojson struct json_object *document = json_new_object();

	(void)state;
	json_set_string(document, "text", "a/b\n\"\xed\x95\x9c\"");
	json_set_string(document, "nothing", NULL);
	json_set_integer(document, "number", INT64_MIN);
	json_set_boolean(document, "yes", true);
	json_set(document, "list", json_new_array());
	json_set(document, "void", NULL);
	assert_string_equal(json_line(document),
			    "{\"text\":\"a/b\\n\\\"\xed\x95\x9c\\\"\",\"nothing\":null,"
			    "\"number\":-9223372036854775808,\"yes\":true,\"list\":[],"
			    "\"void\":null}");
	json_set_integer(document, "text", 1);
	assert_null(json_string(document, "text"));
}

static void secret_line_is_the_same_line(void **state)
{
	autojson struct json_object *document = json_new_object();
	struct json_object *list = json_new_array();
	autofree char *line = NULL, *again = NULL;

	(void)state;
	for (int i = 0; i < 50; i++)
		json_add_string(list, "a/\n\"\\\x01\x02\x7f\xed\x95\x9c");
	json_add(list, json_object_new_int64(INT64_MIN));
	json_add(list, NULL);
	json_set(document, "\"a\nlist\x01\"", list);
	json_set_boolean(document, "no", false);
	line = json_secret_line(document);
	again = json_secret_line(document);
	assert_string_equal(line, json_line(document));
	assert_string_equal(again, line);
}

static void load_reads_a_file(void **state)
{
	const struct scratch *scratch = *state;
	autojson struct json_object *document = NULL;
	struct error err = { 0 };

	assert_int_equal(scratch_put(scratch, "f", "{\"a\": 1}\n", 9), 0);
	assert_int_equal(json_load(scratch->fd, "f", 100, &document, &err), 0);
	assert_int_equal(json_integer(document, "a", 0), 1);
	assert_int_equal(scratch_put(scratch, "g", "{\"a\": ", 6), 0);
	assert_int_equal(json_load(scratch->fd, "g", 100, &document, &err), -EINVAL);
	assert_memory_equal(err.text, "g: ", 3);
	assert_int_equal(json_load(scratch->fd, "f", 8, &document, &err), -EFBIG);
	assert_int_equal(json_load(scratch->fd, "none", 8, &document, &err), -ENOENT);
	assert_int_equal(scratch_put(scratch, "e", "", 0), 0);
	assert_int_equal(json_load(scratch->fd, "e", 8, &document, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_takes_one_whole_document),
		cmocka_unit_test(parse_refuses_the_rest),
		cmocka_unit_test(parse_says_where),
		cmocka_unit_test(parse_sees_a_nul_in_the_text),
		cmocka_unit_test(parse_bounds_the_depth),
		cmocka_unit_test(lookups_never_guess),
		cmocka_unit_test(text_with_a_nul_is_no_text),
		cmocka_unit_test(lookups_take_anything_for_an_object),
		cmocka_unit_test(members_have_the_type_asked_for),
		cmocka_unit_test(setters_make_one_line),
		cmocka_unit_test(secret_line_is_the_same_line),
		scratch_test(load_reads_a_file),
	};

	return cmocka_run_group_tests_name("base_json", tests, NULL, NULL);
}
