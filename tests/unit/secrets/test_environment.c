/* SPDX-License-Identifier: MIT */
#include "secrets/environment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "config/config.h"

/* The file that systemd reads. */

static void values_are_quoted(void **state)
{
	char plain[] = "A=b c", odd[] = "B_2=\"x\" \\n $HOME `id` 'y' # z\n\tnext =";
	char empty[] = "C=";
	char *items[] = { plain, odd, empty, NULL };
	const struct config_texts variables = { items, 3 };
	char *text = environment_format(&variables);

	(void)state;
	assert_string_equal(text,
			    "A=\"b c\"\n"
			    "B_2=\"\\\"x\\\" \\\\n \\$HOME \\`id\\` 'y' # z\n\tnext =\"\n"
			    "C=\"\"\n");
	text_wipe(text);
}

static void nothing_is_an_empty_file(void **state)
{
	const struct config_texts variables = { 0 };
	char *text = environment_format(&variables);

	(void)state;
	assert_string_equal(text, "");
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
		cmocka_unit_test(nothing_is_an_empty_file),
		cmocka_unit_test(what_no_unit_could_have_is_refused),
	};

	return cmocka_run_group_tests_name("environment", tests, NULL, NULL);
}
