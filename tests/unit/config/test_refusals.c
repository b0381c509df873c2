/* SPDX-License-Identifier: MIT */
#include "config/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/fixture.h"
#include "config/keys.h"

#include <errno.h>

/* What holds for all complaints; every single sentence stands in tests/golden/config. */

#define SECRET "hunter2\n"
#define SECRET_IN_JSON "\"hunter2\\n\""

static void load_bad(const char *text, struct layers *ret_layers, struct error *err)
{
	*err = (struct error){ 0 };
	assert_int_equal(config_load_text(text, ret_layers, err), -EINVAL);
	assert_int_equal(err->code, -EINVAL);
	assert_null(ret_layers->effective);
}

static void one_complaint_is_the_error(void **state)
{
	struct layers layers;
	struct error err;

	(void)state;
	load_bad("{" REQUIRED ",\n \"boot\": {\"dead_line\": \"1m\"}}", &layers, &err);
	assert_int_equal(layers.complaints.count, 1);
	assert_string_equal(err.text,
			    "FILE:2:11: unknown key 'boot.dead_line': did you "
			    "mean 'boot.deadline'?");
	assert_string_equal(layers.complaints.lines[0], err.text);
	layers_done(&layers);
}

static void several_are_told_at_once(void **state)
{
	struct layers layers;
	struct error err;

	(void)state;
	load_bad("{\"application\": {\"user\": 1},\n\"boot\": 2, \"x\": [], "
		 "\"steps\": [{\"when\": 3}]}",
		 &layers, &err);
	assert_string_equal(
		err.text,
		"FILE:1:26: 'application.user': expected a user's name, found a number; "
		"and 7 more, see the log or 'bootagent config check'");
	assert_int_equal(complaints_line_count(&layers.complaints), 8);
	assert_string_equal(layers.complaints.lines[1],
			    "FILE:2:9: 'boot': expected an object, found a number");
	assert_string_equal(layers.complaints.lines[7],
			    "FILE:1:1: 'readiness.url' is missing: set it. The address "
			    "that answers when the application serves.");
	layers_done(&layers);
}

static void of_many_the_first_are_kept(void **state)
{
	autofree char *text = text_copy("{\"k00\": 1");
	autofree char *whole = NULL, *last = NULL, *first_left_out = NULL;
	struct layers layers;
	struct error err;

	(void)state;
	for (int i = 1; i < 50; i++) {
		char *longer = text_format("%s,\n\"k%02d\": 1", text, i);

		free(text);
		text = longer;
	}
	whole = text_format("%s}", text);
	load_bad(whole, &layers, &err);
	assert_int_equal(layers.complaints.count, 50);
	assert_int_equal(complaints_line_count(&layers.complaints), 21);
	last = complaints_line(&layers.complaints, 19);
	assert_int_equal(strncmp(last, "FILE:20:1: unknown key 'k19'", 28), 0);
	first_left_out = complaints_line(&layers.complaints, 20);
	assert_string_equal(first_left_out, "and 30 more");
	layers_done(&layers);
}

/* A secret as the value of every key there is: refused, and never repeated. */
static void values_are_never_repeated(void **state)
{
	(void)state;
	for (const struct config_key *key = config_keys; key->name; key++) {
		const char *dot = strchr(key->name, '.');
		autofree char *text = dot
			? text_format("{\"%.*s\": {\"%s\": " SECRET_IN_JSON "}}",
				      (int)(dot - key->name), key->name, dot + 1)
			: text_format("{\"%s\": " SECRET_IN_JSON "}", key->name);
		struct layers layers;
		struct error err;

		load_bad(text, &layers, &err);
		for (size_t i = 0; i < layers.complaints.count; i++)
			assert_null(strstr(layers.complaints.lines[i], "hunter2"));
		assert_null(strstr(err.text, "hunter2"));
		layers_done(&layers);
	}
}

static void values_of_steps_are_never_repeated(void **state)
{
	const struct config_key *steps = key_find(config_keys, "steps");

	(void)state;
	for (const struct config_key *key = steps->members; key->name; key++) {
		autofree char *text =
			text_format("{\"steps\": [{\"%s\": " SECRET_IN_JSON "}]}",
				    key->name);
		struct layers layers;
		struct error err;

		load_bad(text, &layers, &err);
		for (size_t i = 0; i < layers.complaints.count; i++)
			assert_null(strstr(layers.complaints.lines[i], "hunter2"));
		layers_done(&layers);
	}
}

/* A text that cannot be read at all: no key is asked for that may stand in it. */
static void broken_text_is_one_complaint(void **state)
{
	struct layers layers;
	struct error err;

	(void)state;
	load_bad("{\"application\": {}, }", &layers, &err);
	assert_int_equal(layers.complaints.count, 1);
	assert_string_equal(err.text, "FILE:1:19: a comma before '}': remove it");
	layers_done(&layers);
}

static void paths_have_a_shape(void **state)
{
	static const char *const paths[] = { "srv/api", "/",     "/srv/",     "/srv//api",
					     "/srv/..", "/../x", "/a/../b",   "/a/./b",
					     "/srv/.",  "",      "/a\\u0007b" };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
		autofree char *text =
			text_format("{" REQUIRED
				    ", \"release\": {\"deploy_to\": \"%s\"}}",
				    paths[i]);
		struct layers layers;
		struct error err;

		load_bad(text, &layers, &err);
		assert_non_null(strstr(err.text,
				       "'release.deploy_to': expected an "
				       "absolute path without '..' or a slash "
				       "at its end, found "));
		layers_done(&layers);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_complaint_is_the_error),
		cmocka_unit_test(several_are_told_at_once),
		cmocka_unit_test(of_many_the_first_are_kept),
		cmocka_unit_test(values_are_never_repeated),
		cmocka_unit_test(values_of_steps_are_never_repeated),
		cmocka_unit_test(broken_text_is_one_complaint),
		cmocka_unit_test(paths_have_a_shape),
	};

	return cmocka_run_group_tests_name("config_refusals", tests, NULL, NULL);
}
