/* SPDX-License-Identifier: MIT */
#include "tree/ruby.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/scratch.h"
#include "base/text.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void make(const struct scratch *scratch, const char *name, const char *text)
{
	assert_int_equal(scratch_put(scratch, name, text, strlen(text)), 0);
	assert_int_equal(fchmodat(scratch->fd, name, 0755, 0), 0);
}

static void find(const struct scratch *scratch, const char *program, char **ret_ruby,
		 char **ret_missing)
{
	autofree char *path = text_format("%s/nowhere:%s", scratch->path, scratch->path);

	ruby_find(program, path, ret_ruby, ret_missing);
}

static void expect(const struct scratch *scratch, const char *script, const char *ruby)
{
	autofree char *expected = ruby ? text_format("%s/%s", scratch->path, ruby) : NULL;
	autofree char *found = NULL, *missing = NULL;

	make(scratch, "bundle", script);
	find(scratch, "bundle", &found, &missing);
	assert_true(text_is_equal(found, expected));
	assert_null(missing);
}

static void expect_missing(const struct scratch *scratch, const char *program,
			   const char *name)
{
	autofree char *found = NULL, *missing = NULL;

	find(scratch, program, &found, &missing);
	assert_null(found);
	assert_true(text_is_equal(missing, name));
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
	const struct scratch *scratch = *state;

	assert_int_equal(chdir(scratch->path), 0);
	make(scratch, "ruby", "");
	expect_missing(scratch, "bin/bundle", NULL);
	expect_missing(scratch, "./ruby", NULL);
	expect(scratch, "#!./ruby\n", NULL);
	assert_int_equal(chdir("/"), 0);
}

static void what_is_not_there_is_told(void **state)
{
	const struct scratch *scratch = *state;

	expect_missing(scratch, "bundle", "bundle");
	expect_missing(scratch, "ruby", "ruby");
	assert_int_equal(scratch_put(scratch, "bundle", "#!x\n", 4), 0);
	expect_missing(scratch, "bundle", "bundle");
	make(scratch, "bundle", "#! /nowhere/bin/ruby\n");
	expect_missing(scratch, "bundle", "/nowhere/bin/ruby");
	make(scratch, "bundle", "#!/usr/bin/env ruby\n");
	expect_missing(scratch, "bundle", "ruby");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(the_first_line_names_it),
		scratch_test(a_shim_has_its_neighbour),
		scratch_test(a_relative_one_is_not_looked_for),
		scratch_test(what_is_not_there_is_told),
	};

	return cmocka_run_group_tests_name("tree_ruby", tests, NULL, NULL);
}
