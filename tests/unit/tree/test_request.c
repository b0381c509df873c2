/* SPDX-License-Identifier: MIT */
#include "tree/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

#include <errno.h>
#include <string.h>

/* The members of a request, as they are before they reach a path or a file. */

#define HEX "0123456789abcdef0123456789abcdef01234567"

static struct json_object *parsed(const char *text)
{
	struct json_object *document = NULL;
	struct error err = { 0 };

	assert_int_equal(json_parse(text, strlen(text), "test", &document, &err), 0);
	return document;
}

static void checked_members_are_borrowed(void **state)
{
	autojson struct json_object *request = parsed(
		"{\"release\": \"2026\", \"revision\": \"" HEX "\", \"line\": \"a b\"}");
	const char *text = NULL;
	struct error err = { 0 };

	(void)state;
	assert_int_equal(request_release(request, &text, &err), 0);
	assert_string_equal(text, "2026");
	assert_int_equal(request_revision(request, &text, &err), 0);
	assert_string_equal(text, HEX);
	assert_int_equal(request_line(request, &text, &err), 0);
	assert_string_equal(text, "a b");
}

static void wrong_members_are_refused(void **state)
{
	const char *const wrong[] = {
		"{}",
		"{\"release\": 1, \"revision\": 1, \"line\": 1}",
		"{\"release\": null, \"revision\": null, \"line\": null}",
		"{\"release\": \"\", \"revision\": \"\", \"line\": \"\"}",
		"{\"release\": \"../x\", \"revision\": \"main\", \"line\": \"a\\nb\"}",
		"{\"release\": \"a\\u0000\", \"revision\": \"" HEX "\\u0000\", "
		"\"line\": \"a\\u0000\"}",
		"{\"release\": \"a\\n\", \"revision\": \"" HEX
		"\\n\", \"line\": \"a\\u0085\"}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		autojson struct json_object *request = parsed(wrong[i]);
		const char *text = NULL;
		struct error err = { 0 };

		assert_int_equal(request_release(request, &text, &err), -EINVAL);
		assert_int_equal(request_revision(request, &text, &err), -EINVAL);
		assert_int_equal(request_line(request, &text, &err), -EINVAL);
		assert_null(text);
	}
}

static void lines_are_bounded(void **state)
{
	autojson struct json_object *request = json_new_object();
	char line[REQUEST_LINE_MAX_BYTES + 2];
	const char *text = NULL;
	struct error err = { 0 };

	(void)state;
	memset(line, 'x', sizeof(line));
	line[REQUEST_LINE_MAX_BYTES + 1] = '\0';
	json_set_string(request, "line", line);
	assert_int_equal(request_line(request, &text, &err), -EINVAL);
	assert_non_null(strstr(err.text, "4097"));
	line[REQUEST_LINE_MAX_BYTES] = '\0';
	json_set_string(request, "line", line);
	assert_int_equal(request_line(request, &text, &err), 0);
	assert_int_equal(strlen(text), REQUEST_LINE_MAX_BYTES);
}

static void lists_hold_names_only(void **state)
{
	const char *const wrong[] = {
		"{}",
		"{\"releases\": []}",
		"{\"releases\": \"2026\"}",
		"{\"releases\": {\"2026\": 1}}",
		"{\"releases\": [\"2026\", null]}",
		"{\"releases\": [\"2026\", 2026]}",
		"{\"releases\": [\"2026\", \"..\"]}",
		"{\"releases\": [\"2026\", \"2027\\u0000\"]}",
	};
	autojson struct json_object *right =
		parsed("{\"releases\": [\"2026\", \"2027\"]}");
	struct json_object *releases = NULL;
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		autojson struct json_object *request = parsed(wrong[i]);

		assert_int_equal(request_releases(request, &releases, &err), -EINVAL);
		assert_null(releases);
	}
	assert_int_equal(request_releases(right, &releases, &err), 0);
	assert_int_equal(json_object_array_length(releases), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checked_members_are_borrowed),
		cmocka_unit_test(wrong_members_are_refused),
		cmocka_unit_test(lines_are_bounded),
		cmocka_unit_test(lists_hold_names_only),
	};

	return cmocka_run_group_tests_name("tree_request", tests, NULL, NULL);
}
