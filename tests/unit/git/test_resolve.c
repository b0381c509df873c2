/* SPDX-License-Identifier: MIT */
#include "git/resolve.h"

#include "base/error.h"
#include "base/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* From a branch's name to what the server advertised, and what is said if it did not. */

#define HEADS_MAX 16

struct server {
	git_remote_head heads[HEADS_MAX];
	const git_remote_head *list[HEADS_MAX];
	size_t count;
};

static void advertise(struct server *server, const char *name)
{
	git_remote_head *head = &server->heads[server->count];

	*head = (git_remote_head){ .name = (char *)(uintptr_t)name };
	head->oid.id[0] = (unsigned char)(server->count + 1);
	server->list[server->count++] = head;
}

static int resolve(const struct server *server, const char *branch,
		   struct resolved *resolved, struct error *err)
{
	return resolve_branch(server->list, server->count, branch, resolved, err);
}

static void test_branch_is_found_exactly(void **state)
{
	struct server server = { 0 };
	struct resolved resolved = { 0 };
	struct error err = { 0 };

	(void)state;
	advertise(&server, "HEAD");
	advertise(&server, "refs/heads/main2");
	advertise(&server, "refs/tags/main");
	advertise(&server, "refs/heads/main");
	assert_int_equal(0, resolve(&server, "main", &resolved, &err));
	assert_string_equal("refs/heads/main", resolved.ref);
	assert_int_equal(4, resolved.id.id[0]);
	resolve_done(&resolved);
	resolve_done(&resolved);
}

static void test_empty_repository_says_so(void **state)
{
	struct server server = { 0 };
	struct resolved resolved = { 0 };
	struct error err = { 0 };

	(void)state;
	assert_int_equal(-ENODATA, resolve(&server, "main", &resolved, &err));
	assert_non_null(strstr(err.text, "empty"));
	assert_null(resolved.ref);
}

static void test_few_branches_are_all_named(void **state)
{
	struct server server = { 0 };
	struct resolved resolved = { 0 };
	struct error err = { 0 };

	(void)state;
	advertise(&server, "refs/heads/production");
	advertise(&server, "refs/heads/master");
	advertise(&server, "refs/tags/main");
	assert_int_equal(-ENOENT, resolve(&server, "main", &resolved, &err));
	assert_string_equal(
		"the repository has no branch 'main': it has 'master', 'production'",
		err.text);
}

static void test_of_many_the_near_ones(void **state)
{
	static const char *const names[] = {
		"refs/heads/aaaaaaaaa", "refs/heads/bbbbbbbbb", "refs/heads/release-12",
		"refs/heads/release-1", "refs/heads/releas-1",  "refs/heads/x",
		"refs/heads/release-9", "refs/heads/release",
	};
	struct server server = { 0 };
	struct resolved resolved = { 0 };
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		advertise(&server, names[i]);
	assert_int_equal(-ENOENT, resolve(&server, "release-2", &resolved, &err));
	assert_string_equal(
		"the repository has no branch 'release-2'; near to it are "
		"'release-12', 'release-1', 'release-9', 'releas-1', 'release'",
		err.text);
	assert_int_equal(-ENOENT, resolve(&server, "nothing-like-it", &resolved, &err));
	assert_string_equal("the repository has no branch 'nothing-like-it'", err.text);
}

static void test_long_names_are_no_trouble(void **state)
{
	static char name[2000] = "refs/heads/";
	struct server server = { 0 };
	struct resolved resolved = { 0 };
	struct error err = { 0 };

	(void)state;
	memset(name + strlen("refs/heads/"), 'a',
	       sizeof(name) - 1 - strlen("refs/heads/"));
	advertise(&server, name);
	advertise(&server, name);
	assert_int_equal(-ENOENT, resolve(&server, "main", &resolved, &err));
}

static void test_names_no_branch_can_have(void **state)
{
	static const char *const names[] = {
		"",  "/a",   "a//b", "a..b", "a.lock", "a b",
		"*", "a\\b", "a/",   ".a",   "a^",     "a:b"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		struct error err = { 0 };
		char *ref = NULL;

		assert_int_equal(-EINVAL, resolve_name(names[i], &ref, &err));
		assert_null(ref);
	}
}

static void test_names_a_branch_may_have(void **state)
{
	static const char *const names[] = { "main", "feature/a-b", "v1.0", "한글",
					     "-x" };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		struct error err = { 0 };
		autofree char *ref = NULL;

		assert_int_equal(0, resolve_name(names[i], &ref, &err));
		assert_string_equal(names[i], ref + strlen("refs/heads/"));
	}
}

static int start_library(void **state)
{
	(void)state;
	return git_libgit2_init() < 0;
}

static int stop_library(void **state)
{
	(void)state;
	return git_libgit2_shutdown() < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_branch_is_found_exactly),
		cmocka_unit_test(test_empty_repository_says_so),
		cmocka_unit_test(test_few_branches_are_all_named),
		cmocka_unit_test(test_of_many_the_near_ones),
		cmocka_unit_test(test_long_names_are_no_trouble),
		cmocka_unit_test(test_names_no_branch_can_have),
		cmocka_unit_test(test_names_a_branch_may_have),
	};

	return cmocka_run_group_tests(tests, start_library, stop_library);
}
