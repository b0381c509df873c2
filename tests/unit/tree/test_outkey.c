/* SPDX-License-Identifier: MIT */
#include "tree/outkey.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "tree/wanted.h"

#include <string.h>

/* What the key of outputs is made of; the inputs are for tests/integration. */

static struct json_object *parsed(const char *text)
{
	struct json_object *document = NULL;
	struct error err = { 0 };

	assert_int_equal(json_parse(text, strlen(text), "test", &document, &err), 0);
	return document;
}

static void hash(const char *step, const char *platform,
		 char ret_key[static DIGEST_HEX_BYTES])
{
	autojson struct json_object *request = parsed(step);
	const struct wanted wanted = {
		.command = json_member(request, "command", json_type_array),
		.outputs = json_member(request, "outputs", json_type_array),
		.environment = json_member(request, "environment", json_type_array),
		.key_command = json_member(request, "key_command", json_type_array),
		.answer = json_string(request, "answer"),
	};
	struct digest digest;

	digest_begin(&digest);
	outkey_add_step(&digest, &wanted, platform);
	digest_end_hex(&digest, ret_key);
}

static void assert_same(const char *a, const char *b, bool is_same)
{
	char left[DIGEST_HEX_BYTES], right[DIGEST_HEX_BYTES];

	hash(a, "x86_64", left);
	hash(b, "x86_64", right);
	assert_int_equal(strcmp(left, right) == 0, is_same);
}

static void numbers_and_lengths_are_as_they_say(void **state)
{
	struct digest digest;
	char text[DIGEST_HEX_BYTES];

	(void)state;
	digest_begin(&digest);
	digest_end_hex(&digest, text);
	assert_string_equal(
		text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	/* sha256 of 00 00 00 00 00 00 00 03 'a' 'b' 'c' */
	digest_begin(&digest);
	digest_text(&digest, "abc");
	digest_end_hex(&digest, text);
	assert_string_equal(
		text, "c3494ca1a2cf8eeb8a11ded316fb55b83c3bbbedb6313cd50415251e5d09e12f");
	digest_begin(&digest);
	digest_number(&digest, 3);
	digest_part(&digest, "ab", 2);
	digest_part(&digest, "c", 1);
	digest_end_hex(&digest, text);
	assert_string_equal(
		text, "c3494ca1a2cf8eeb8a11ded316fb55b83c3bbbedb6313cd50415251e5d09e12f");
}

/* Keys in the field must not change with a new version of ours. */
static void a_key_is_for_ever(void **state)
{
	char key[DIGEST_HEX_BYTES];

	(void)state;
	hash("{\"command\": [\"bundle\", \"install\"], \"outputs\": [\"vendor/bundle\"], "
	     "\"environment\": [\"RAILS_ENV=production\", \"A=1\"], "
	     "\"key_command\": [\"ruby\", \"-v\"], \"answer\": \"ruby 3.1\"}",
	     "x86_64\n2.36\nID=debian\nVERSION_ID=\"12\"", key);
	assert_string_equal(
		key, "07205172b288e16b50fb1d7f93ef6c7583a502fb2588d740f999e956c2732bf5");
}

static void values_do_not_run_into_each_other(void **state)
{
	(void)state;
	assert_same("{\"command\": [\"ab\", \"c\"]}", "{\"command\": [\"a\", \"bc\"]}",
		    false);
	assert_same("{\"command\": [\"a\"], \"outputs\": [\"b\"]}",
		    "{\"command\": [\"a\", \"b\"]}", false);
	assert_same("{\"command\": [\"a\", \"\"]}", "{\"command\": [\"a\"]}", false);
	assert_same("{\"key_command\": [\"a\"]}", "{\"answer\": \"a\"}", false);
	assert_same("{\"environment\": [\"A=\", \"B=\"]}",
		    "{\"environment\": [\"A=B=\"]}", false);
}

static void the_order_of_variables_does_not_count(void **state)
{
	(void)state;
	assert_same("{\"environment\": [\"B=2\", \"A=1\"]}",
		    "{\"environment\": [\"A=1\", \"B=2\"]}", true);
	assert_same("{\"command\": [\"B\", \"A\"]}", "{\"command\": [\"A\", \"B\"]}",
		    false);
}

static void the_platform_counts(void **state)
{
	char here[DIGEST_HEX_BYTES], there[DIGEST_HEX_BYTES];
	autofree char *platform = outkey_platform();

	(void)state;
	hash("{\"command\": [\"make\"]}", platform, here);
	hash("{\"command\": [\"make\"]}", "aarch64\n2.41\nID=debian\nVERSION_ID=\"13\"",
	     there);
	assert_string_not_equal(here, there);
	assert_non_null(strchr(platform, '\n'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_and_lengths_are_as_they_say),
		cmocka_unit_test(a_key_is_for_ever),
		cmocka_unit_test(values_do_not_run_into_each_other),
		cmocka_unit_test(the_order_of_variables_does_not_count),
		cmocka_unit_test(the_platform_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
