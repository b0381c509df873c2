/* SPDX-License-Identifier: MIT */
#include "tree/search.h"

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

static void expect(const struct scratch *scratch, const char *path, enum search_end end)
{
	autofree char *expected = text_format("%s/there/tool", scratch->path);
	autofree char *found = NULL;

	assert_int_equal(search_program("tool", path, &found), end);
	assert_true(text_is_equal(found, end == SEARCH_FOUND ? expected : NULL));
}

static int search_made(void **state)
{
	struct scratch *scratch;

	if (scratch_setup(state) < 0)
		return -1;
	scratch = *state;
	return mkdirat(scratch->fd, "there", 0755) < 0 ||
			scratch_put(scratch, "there/tool", "x", 1) < 0 ||
			fchmodat(scratch->fd, "there/tool", 0755, 0) < 0
		? -1
		: 0;
}

/* As execvp() does: what cannot be started is passed by, and nothing waits for it. */
static void what_is_no_program_is_passed_by(void **state)
{
	const struct scratch *scratch = *state;
	autofree char *path = text_format("%s:%s/none:%s/there", scratch->path,
					  scratch->path, scratch->path);

	assert_int_equal(mkfifoat(scratch->fd, "tool", 0755), 0);
	expect(scratch, path, SEARCH_FOUND);
	expect(scratch, scratch->path, SEARCH_NOWHERE);
	assert_int_equal(unlinkat(scratch->fd, "tool", 0), 0);
	assert_int_equal(mkdirat(scratch->fd, "tool", 0755), 0);
	expect(scratch, path, SEARCH_FOUND);
	assert_int_equal(unlinkat(scratch->fd, "tool", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("tool", scratch->fd, "tool"), 0);
	expect(scratch, path, SEARCH_FOUND);
	assert_int_equal(unlinkat(scratch->fd, "tool", 0), 0);
	assert_int_equal(scratch_put(scratch, "tool", "", 0), 0);
	expect(scratch, path, SEARCH_FOUND);
}

/* A step runs in its release, where something of that name may be. */
static void the_working_directory_is_the_steps(void **state)
{
	static const char *const ways[] = { "", ".", "bin", "there" };
	const struct scratch *scratch = *state;

	assert_int_equal(chdir(scratch->path), 0);
	for (size_t i = 0; i < ARRAY_COUNT(ways); i++) {
		autofree char *before =
			text_format("%s:%s/there", ways[i], scratch->path);
		autofree char *behind =
			text_format("%s/there:%s", scratch->path, ways[i]);
		autofree char *after_none = text_format("%s:%s", scratch->path, ways[i]);

		expect(scratch, before, SEARCH_RELATIVE);
		expect(scratch, behind, SEARCH_FOUND);
		expect(scratch, after_none, SEARCH_RELATIVE);
	}
	assert_int_equal(chdir("/"), 0);
}

static void a_name_with_a_slash_is_a_path(void **state)
{
	const struct scratch *scratch = *state;
	autofree char *there = text_format("%s/there/tool", scratch->path);
	autofree char *none = text_format("%s/there/none", scratch->path);
	autofree char *found = NULL, *others = NULL;

	assert_int_equal(search_program(there, "/nowhere", &found), SEARCH_FOUND);
	assert_string_equal(found, there);
	assert_int_equal(search_program(none, "/nowhere", &others), SEARCH_NOWHERE);
	assert_null(others);
	assert_int_equal(search_program("there/tool", "/", &others), SEARCH_RELATIVE);
	assert_null(others);
}

#define made_test(test) \
	cmocka_unit_test_setup_teardown(test, search_made, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		made_test(what_is_no_program_is_passed_by),
		made_test(the_working_directory_is_the_steps),
		made_test(a_name_with_a_slash_is_a_path),
	};

	return cmocka_run_group_tests_name("tree_search", tests, NULL, NULL);
}
