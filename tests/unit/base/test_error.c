/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

/* The error value: codes of either sign, context, texts that stay one line. */

static void set_makes_the_code_negative(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(error_set(&err, ENOENT, "open '%s'", "x"), -ENOENT);
	assert_int_equal(err.code, -ENOENT);
	assert_string_equal(err.text, "open 'x'");
	assert_int_equal(error_set(&err, -EBUSY, "busy"), -EBUSY);
	assert_int_equal(err.code, -EBUSY);
}

static void set_never_succeeds(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(error_set(&err, 0, "a cause without an errno"), -EIO);
	assert_int_equal(err.code, -EIO);
}

static void wrap_reads_from_outside_in(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(error_set(&err, ETIMEDOUT, "silent for %d s", 20), -ETIMEDOUT);
	assert_int_equal(error_wrap(&err, "fetch '%s'", "url"), -ETIMEDOUT);
	assert_int_equal(error_wrap(&err, "source"), -ETIMEDOUT);
	assert_string_equal(err.text, "source: fetch 'url': silent for 20 s");
}

static void long_texts_are_cut_at_the_end(void **state)
{
	char longer[ERROR_TEXT_MAX_BYTES * 2];
	struct error err = { 0 };

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(error_set(&err, EIO, "%s", longer), -EIO);
	assert_int_equal(strlen(err.text), ERROR_TEXT_MAX_BYTES - 1);
	assert_int_equal(error_wrap(&err, "outer"), -EIO);
	assert_int_equal(strlen(err.text), ERROR_TEXT_MAX_BYTES - 1);
	assert_memory_equal(err.text, "outer: xxx", 10);
	assert_int_equal(error_wrap(&err, "%s", longer), -EIO);
	assert_int_equal(strlen(err.text), ERROR_TEXT_MAX_BYTES - 1);
}

static void wrap_at_every_length(void **state)
{
	(void)state;
	for (int length = ERROR_TEXT_MAX_BYTES - 8; length < ERROR_TEXT_MAX_BYTES + 8;
	     length++) {
		struct error err = { 0 };

		assert_int_equal(error_set(&err, EIO, "inner"), -EIO);
		assert_int_equal(error_wrap(&err, "%*s", length, "x"), -EIO);
		assert_int_equal(strlen(err.text), ERROR_TEXT_MAX_BYTES - 1);
	}
}

static void texts_stay_one_printable_line(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(error_set(&err, EIO, "a\nb\x1b[31m\x7f"), -EIO);
	assert_string_equal(err.text, "a b [31m ");
	assert_int_equal(error_wrap(&err, "line\r\nend"), -EIO);
	assert_string_equal(err.text, "line  end: a b [31m ");
}

/* json-c refuses what is not UTF-8: an odd file name would lose a worker's error. */
static void texts_are_always_utf8(void **state)
{
	char name[ERROR_TEXT_MAX_BYTES + 8] = "";
	struct error err = { 0 };

	(void)state;
	assert_int_equal(error_set(&err, EIO, "remove '\xff\xfe'"), -EIO);
	assert_string_equal(err.text, "remove '\?\?'");
	for (size_t shift = 0; shift < 3; shift++) {
		struct json_tokener *tokener = json_tokener_new();
		char quoted[ERROR_TEXT_MAX_BYTES + 2];

		memset(name, 'x', shift);
		for (size_t i = shift; i + 3 < sizeof(name); i += 3)
			memcpy(name + i, "\xed\x95\x9c", 4);
		assert_int_equal(error_set(&err, EIO, "%s", name), -EIO);
		assert_int_equal(strlen(err.text), ERROR_TEXT_MAX_BYTES - 1);
		(void)strcat(strcat(strcpy(quoted, "\""), err.text), "\"");
		json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8);
		struct json_object *text = json_tokener_parse_ex(tokener, quoted, -1);
		assert_int_equal(json_tokener_get_error(tokener), json_tokener_success);
		json_object_put(text);
		json_tokener_free(tokener);
	}
}

static void names_go_there_and_back(void **state)
{
	(void)state;
	assert_string_equal(error_name(-ENOENT), "ENOENT");
	assert_string_equal(error_name(EHWPOISON), "EHWPOISON");
	for (int number = 1; number <= EHWPOISON; number++) {
		if (strcmp(error_name(number), "EIO") != 0)
			assert_int_equal(error_number(error_name(number)), number);
	}
	assert_int_equal(error_number("EIO"), EIO);
}

static void unknown_names_are_eio(void **state)
{
	(void)state;
	assert_string_equal(error_name(0x7000), "EIO");
	assert_int_equal(error_number("ENOSUCH"), EIO);
	assert_int_equal(error_number(""), EIO);
	assert_int_equal(error_number("enoent"), EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_makes_the_code_negative),
		cmocka_unit_test(set_never_succeeds),
		cmocka_unit_test(wrap_reads_from_outside_in),
		cmocka_unit_test(long_texts_are_cut_at_the_end),
		cmocka_unit_test(wrap_at_every_length),
		cmocka_unit_test(texts_stay_one_printable_line),
		cmocka_unit_test(texts_are_always_utf8),
		cmocka_unit_test(names_go_there_and_back),
		cmocka_unit_test(unknown_names_are_eio),
	};

	return cmocka_run_group_tests_name("base_error", tests, NULL, NULL);
}
