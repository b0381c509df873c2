/* SPDX-License-Identifier: MIT */
#include "tree/gemfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/text.h"

#include <string.h>

#define TOP "source \"https://rubygems.org\"\n"

static void expect(const char *text, const char *first, const char *second)
{
	autogemfile struct gemfile gemfile = { .count = 0 };

	gemfile_read(text, &gemfile);
	assert_int_equal(gemfile.count, !!first + !!second);
	assert_null(gemfile.file);
	if (first)
		assert_string_equal(gemfile.requirements[0], first);
	if (second)
		assert_string_equal(gemfile.requirements[1], second);
}

static void what_is_plain_is_read(void **state)
{
	(void)state;
	expect(TOP "ruby \"3.2.2\"\ngem \"rails\"\n", "3.2.2", NULL);
	expect("ruby '3.2.2'", "3.2.2", NULL);
	expect("ruby \"~> 3.1\", \">= 3.1.2\"\r\n", "~> 3.1", ">= 3.1.2");
	expect("ruby('3.2.2') # the image has it\n", "3.2.2", NULL);
	expect("group :test do\n  gem \"a\"\nend\nruby \"3\"\n", "3", NULL);
	expect("if ENV['X']\n  gem 'a'\nend\nruby \"3\"\n", "3", NULL);
	expect("=begin\nruby \"2\"\n=end\n# ruby \"2\"\nruby \"3\"\n__END__\n"
	       "ruby \"4\"\n",
	       "3", NULL);
	expect("rubyx \"2\"\nruby_version \"2\"\n", NULL, NULL);
}

static void what_only_ruby_could_tell_is_no_demand(void **state)
{
	static const char *const texts[] = {
		"",
		"ruby RUBY_VERSION\n",
		"ruby ENV.fetch(\"RUBY\")\n",
		"ruby \"#{version}\"\n",
		"ruby \"3\\x2e2\"\n",
		"ruby \"3.2.2\" if ENV[\"CI\"]\n",
		"ruby \"3.2.2\", engine: \"jruby\", engine_version: \"9.4\"\n",
		"ruby \"3.2.2\",\n  \"< 4\"\n",
		"ruby [\"3.2.2\"]\n",
		"ruby(\"3.2.2\"\n",
		"ruby \"\"\n",
		"ruby \"3.2\n",
		"ruby\n",
		"ruby \"3\"; ruby \"4\"\n",
		"ruby \"3\"\nruby \"4\"\n",
		"  ruby \"3\"\n",
		"if A\nruby \"3\"\nelse\nruby \"4\"\nend\n",
		"if A\n  ruby \"3\"\nend\n",
		"ruby \"2\"\nif A\n  ruby \"3\"\nend\n",
		"ruby \"3\"\neval_gemfile \"other\"\n",
		"x = <<END\nruby \"3\"\nEND\n",
		"install_if -> { x } do\nruby \"3\"\nend\n",
		"ruby \"3\", file: \".ruby-version\"\n",
		"ruby \"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\"\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
		expect(texts[i], NULL, NULL);
}

static void a_file_is_named(void **state)
{
	static const char *const texts[] = {
		"ruby file: \".ruby-version\"\n",
		"ruby file: '.ruby-version' # one place\n",
		"ruby(file: \".ruby-version\")\n",
		"ruby :file => \".ruby-version\"\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		autogemfile struct gemfile gemfile = { .count = 0 };

		gemfile_read(texts[i], &gemfile);
		assert_int_equal(gemfile.count, 0);
		assert_string_equal(gemfile.file, ".ruby-version");
	}
}

static void version_files(void **state)
{
	static const struct {
		const char *text, *version;
	} rows[] = {
		{ "3.2.2\n", "3.2.2" },
		{ "  3.2.2", "3.2.2" },
		{ "ruby-3.2.2\r\n", "3.2.2" },
		{ "nodejs 20.1.0\nruby   3.2.2# both\n", "3.2.2" },
		{ "[tools]\nruby = '3.2.2'\n", "3.2.2" },
		{ "system\n", "system" },
		{ "3.2.2\n3.1.0\n", NULL },
		{ "", NULL },
		{ "\x1b[2J", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		autofree char *version = gemfile_version_in(rows[i].text);

		if (rows[i].version)
			assert_string_equal(version, rows[i].version);
		else
			assert_null(version);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_plain_is_read),
		cmocka_unit_test(what_only_ruby_could_tell_is_no_demand),
		cmocka_unit_test(a_file_is_named),
		cmocka_unit_test(version_files),
	};

	return cmocka_run_group_tests_name("tree_gemfile", tests, NULL, NULL);
}
