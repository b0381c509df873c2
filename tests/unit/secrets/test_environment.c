/* SPDX-License-Identifier: MIT */
#include "secrets/environment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"

#include <errno.h>
#include <stdlib.h>

/* The file that systemd reads. */

static void forget(struct config_texts *variables)
{
	for (size_t i = 0; i < variables->count; i++)
		text_wipe(variables->items[i]);
	free(variables->items);
}

static void values_are_quoted(void **state)
{
	char plain[] = "A=b c", odd[] = "B_2=\"x\" \\n $HOME `id` 'y' # z\n\tnext =";
	char empty[] = "C=";
	char *items[] = { plain, odd, empty, NULL };
	const struct config_texts variables = { items, 3 };
	char *text = environment_format(&variables, "/a/");

	(void)state;
	assert_string_equal(text,
			    "# bootagent: /a/\n"
			    "A=\"b c\"\n"
			    "B_2=\"\\\"x\\\" \\\\n \\$HOME \\`id\\` 'y' # z\n\tnext =\"\n"
			    "C=\"\"\n");
	text_wipe(text);
}

static void what_was_written_is_read(void **state)
{
	static const char text[] = "# bootagent: /a/\n"
				   "A=\"b c\"\nB_2=\"\\\"x\\\" \\\\ \\$H\ny\"\nC=\"\"\n";
	struct config_texts variables = { 0 };
	struct error err;
	char *again;

	(void)state;
	assert_int_equal(environment_parse(text, "/a/", &variables, &err), 0);
	assert_int_equal(variables.count, 3);
	assert_string_equal(variables.items[0], "A=b c");
	assert_string_equal(variables.items[1], "B_2=\"x\" \\ $H\ny");
	assert_string_equal(variables.items[2], "C=");
	assert_null(variables.items[3]);
	again = environment_format(&variables, "/a/");
	assert_string_equal(again, text);
	text_wipe(again);
	forget(&variables);
}

static int parse(const char *text)
{
	struct config_texts variables = { 0 };
	struct error err;
	int result = environment_parse(text, "/a/", &variables, &err);

	forget(&variables);
	return result;
}

static void what_nobody_wrote_is_refused(void **state)
{
	static const char *const texts[] = {
		"A",        "A=b\n",   "A=\"b\n", "A=\"b\"",     "A=\"b\"c\n",
		"=\"b\"\n", "A=\"b\\", "\n",      "A-B=\"c\"\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		autofree char *text = text_format("# bootagent: /a/\n%s", texts[i]);

		assert_int_equal(parse(text), -EINVAL);
	}
	assert_int_equal(parse("A=\"b\"\n"), -EINVAL);
	assert_int_equal(parse("# bootagent: /a/b\n"), -ESTALE);
	assert_int_equal(parse("# bootagent: /b/\n"), -ESTALE);
}

static void nothing_is_an_empty_file(void **state)
{
	const struct config_texts variables = { 0 };
	char *text = environment_format(&variables, "/a/");

	(void)state;
	assert_string_equal(text, "# bootagent: /a/\n");
	text_wipe(text);
}

static void what_no_unit_could_have_is_refused(void **state)
{
	(void)state;
	assert_true(environment_can_hold(""));
	assert_true(environment_can_hold("a\tb\nc \xed\x95\x9c"));
	assert_false(environment_can_hold(NULL));
	assert_false(environment_can_hold("a\rb"));
	assert_false(environment_can_hold("\x1b[0m"));
	assert_false(environment_can_hold("\x7f"));
	assert_false(environment_can_hold("\xff"));
	assert_false(environment_can_hold("cut \xed\x95"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_quoted),
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(what_nobody_wrote_is_refused),
		cmocka_unit_test(nothing_is_an_empty_file),
		cmocka_unit_test(what_no_unit_could_have_is_refused),
	};

	return cmocka_run_group_tests_name("environment", tests, NULL, NULL);
}
