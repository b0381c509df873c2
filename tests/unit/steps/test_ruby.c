/* SPDX-License-Identifier: MIT */
#include "steps/ruby.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/scratch.h"
#include "base/text.h"
#include "config/config.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORDS_MAX 6

struct row {
	char *words[WORDS_MAX]; /* ends with NULL */
	bool is_bundler;
};

static struct config_texts command_of(const struct row *row)
{
	struct config_texts command = { .items = (char **)row->words };

	while (row->words[command.count])
		command.count++;
	return command;
}

static void bundler_is_known_by_its_name(void **state)
{
	static const struct row rows[] = {
		{ { "bundle", "install" }, true },
		{ { "/opt/ruby/bin/bundler", "install" }, true },
		{ { "bundle3.1", "install" }, true },
		{ { "ruby", "-S", "bundle", "install" }, true },
		{ { "env", "A=1", "B=2", "bundle", "install" }, true },
		{ { "/usr/bin/env", "bundle" }, true },
		{ { "env", "PATH=/opt", "bundle" }, false },
		{ { "env", "BUNDLE_GEMFILE=g", "bundle" }, false },
		{ { "env", "-i", "bundle" }, false },
		{ { "env" }, false },
		{ { "env", "A=1" }, false },
		{ { "bundle", "install", "--gemfile=g" }, false },
		{ { "ruby", "bundle" }, false },
		{ { "ruby", "-S" }, false },
		{ { "sh", "-c", "bundle install" }, false },
		{ { "bundle-audit" }, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const struct config_texts command = command_of(&rows[i]);

		assert_int_equal(ruby_is_bundler(&command), rows[i].is_bundler);
	}
}

static void make(const struct scratch *scratch, const char *name, const char *text)
{
	assert_int_equal(scratch_put(scratch, name, text, strlen(text)), 0);
	assert_int_equal(fchmodat(scratch->fd, name, 0755, 0), 0);
}

static int find(const struct scratch *scratch, const struct row *row, char **ret_ruby)
{
	const struct config_texts command = command_of(row);
	autofree char *path =
		text_format("relative:%s/nowhere:%s", scratch->path, scratch->path);
	struct error err = { 0 };

	return ruby_find(&command, path, ret_ruby, &err);
}

static void expect(const struct scratch *scratch, const char *script, const char *ruby)
{
	static const struct row row = { { "bundle", "install" }, true };
	autofree char *expected = ruby && ruby[0] != '/'
		? text_format("%s/%s", scratch->path, ruby)
		: text_copy(ruby);
	autofree char *found = NULL;

	make(scratch, "bundle", script);
	assert_int_equal(find(scratch, &row, &found), 0);
	assert_true(text_is_equal(found, expected));
}

static void the_first_line_names_it(void **state)
{
	const struct scratch *scratch = *state;

	make(scratch, "ruby", "");
	make(scratch, "ruby3.1", "");
	expect(scratch, "#!/usr/bin/env ruby\n", "ruby");
	expect(scratch, "#!/usr/bin/env ruby3.1\nx\n", "ruby3.1");
}

static void a_shim_has_its_neighbour(void **state)
{
	const struct scratch *scratch = *state;

	expect(scratch, "#!/usr/bin/env bash\n", NULL);
	make(scratch, "ruby", "");
	expect(scratch, "#!/usr/bin/env bash\n", "ruby");
	expect(scratch, "#!/bin/sh\n# -*- ruby -*-\n", "ruby");
	expect(scratch,
	       "\x7f"
	       "ELF",
	       NULL);
	expect(scratch, "", NULL);
}

/* Neither in our own working directory nor in the release's. */
static void a_relative_one_is_not_looked_for(void **state)
{
	static const struct row rows[] = {
		{ { "bin/bundle", "install" }, true },
		{ { "./ruby", "-S", "bundle" }, true },
	};
	const struct scratch *scratch = *state;

	assert_int_equal(chdir(scratch->path), 0);
	make(scratch, "ruby", "");
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char *found = NULL;

		assert_int_equal(find(scratch, &rows[i], &found), 0);
		assert_null(found);
	}
	expect(scratch, "#!./ruby\n", NULL);
	assert_int_equal(chdir("/"), 0);
}

static void what_is_not_there_is_told(void **state)
{
	static const struct row row = { { "bundle", "install" }, true };
	static const struct row by_ruby = { { "ruby", "-S", "bundle" }, true };
	const struct scratch *scratch = *state;
	autofree char *found = NULL;

	assert_int_equal(find(scratch, &row, &found), -ENOENT);
	assert_int_equal(find(scratch, &by_ruby, &found), -ENOENT);
	assert_int_equal(scratch_put(scratch, "bundle", "#!x\n", 4), 0);
	assert_int_equal(find(scratch, &row, &found), -ENOENT);
	make(scratch, "bundle", "#! /nowhere/bin/ruby\n");
	assert_int_equal(find(scratch, &row, &found), -ENOENT);
	make(scratch, "bundle", "#!/usr/bin/env ruby\n");
	assert_int_equal(find(scratch, &row, &found), -ENOENT);
	assert_null(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bundler_is_known_by_its_name),
		scratch_test(the_first_line_names_it),
		scratch_test(a_shim_has_its_neighbour),
		scratch_test(a_relative_one_is_not_looked_for),
		scratch_test(what_is_not_there_is_told),
	};

	return cmocka_run_group_tests_name("steps_ruby", tests, NULL, NULL);
}
