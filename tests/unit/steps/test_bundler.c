/* SPDX-License-Identifier: MIT */
#include "steps/bundler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"

#define WORDS_MAX 6

struct row {
	char *words[WORDS_MAX]; /* ends with NULL */
	const char *program;
};

static void bundler_is_known_by_its_name(void **state)
{
	static const struct row rows[] = {
		{ { "bundle", "install" }, "bundle" },
		{ { "/opt/ruby/bin/bundler", "install" }, "/opt/ruby/bin/bundler" },
		{ { "bundle3.1", "install" }, "bundle3.1" },
		{ { "ruby", "-S", "bundle", "install" }, "ruby" },
		{ { "env", "A=1", "B=2", "bundle", "install" }, "bundle" },
		{ { "/usr/bin/env", "bundle" }, "bundle" },
		{ { "env", "PATH=/opt", "bundle" }, NULL },
		{ { "env", "BUNDLE_GEMFILE=g", "bundle" }, NULL },
		{ { "env", "-i", "bundle" }, NULL },
		{ { "env" }, NULL },
		{ { "env", "A=1" }, NULL },
		{ { "bundle", "install", "--gemfile=g" }, NULL },
		{ { "ruby", "bundle" }, NULL },
		{ { "ruby", "-S" }, NULL },
		{ { "sh", "-c", "bundle install" }, NULL },
		{ { "bundle-audit" }, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct config_texts command = { .items = (char **)rows[i].words };

		while (rows[i].words[command.count])
			command.count++;
		assert_true(text_is_equal(bundler_program(&command), rows[i].program));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bundler_is_known_by_its_name),
	};

	return cmocka_run_group_tests_name("steps_bundler", tests, NULL, NULL);
}
