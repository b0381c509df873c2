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

/* From a name to what the server advertised, and what is said if it did not. */

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

static int ask(const struct server *server, const char *name, struct resolved *resolved,
	       struct error *err)
{
	return resolve(server->list, server->count, name, resolved, err);
}

/* The name means the ref, at the object of that number. */
static void assert_means(const struct server *server, const char *name, const char *ref,
			 unsigned char number)
{
	struct resolved resolved = { 0 };
	struct error err = { 0 };

	assert_int_equal(0, ask(server, name, &resolved, &err));
	assert_string_equal(ref, resolved.ref);
	assert_string_equal(ref, resolved.remote_ref);
	assert_int_equal(number, resolved.id.id[0]);
	resolve_done(&resolved);
	resolve_done(&resolved);
}

static void test_branch_is_found_exactly(void **state)
{
	struct server server = { 0 };

	(void)state;
	advertise(&server, "HEAD");
	advertise(&server, "refs/heads/main2");
	advertise(&server, "refs/tags/main");
	advertise(&server, "refs/heads/main");
	assert_means(&server, "main", "refs/heads/main", 4);
	assert_means(&server, "refs/tags/main", "refs/tags/main", 3);
	assert_means(&server, "refs/heads/main", "refs/heads/main", 4);
}

static void test_tags_come_after_branches(void **state)
{
	struct server server = { 0 };

	(void)state;
	advertise(&server, "refs/tags/light");
	advertise(&server, "refs/tags/heavy");
	advertise(&server, "refs/tags/heavy^{}");
	assert_means(&server, "light", "refs/tags/light", 1);
	assert_means(&server, "heavy", "refs/tags/heavy", 3);
}

static void assert_by_id(const struct server *server, const char *name,
			 const char *remote_ref)
{
	struct resolved resolved = { 0 };
	struct error err = { 0 };

	assert_int_equal(0, ask(server, name, &resolved, &err));
	assert_string_equal(RESOLVED_ID_REF, resolved.ref);
	assert_int_equal(remote_ref != NULL, !git_oid_is_zero(&resolved.id));
	if (remote_ref)
		assert_string_equal(remote_ref, resolved.remote_ref);
	else
		assert_null(resolved.remote_ref);
	resolve_done(&resolved);
}

static void test_ids_come_last(void **state)
{
	struct server server = { 0 };

	(void)state;
	advertise(&server, "HEAD");
	advertise(&server, "refs/heads/beef");
	advertise(&server, "refs/tags/v1");
	advertise(&server, "refs/tags/v1^{}");
	assert_means(&server, "beef", "refs/heads/beef", 2);
	assert_by_id(&server, "0200000000000000000000000000000000000000",
		     "refs/heads/beef");
	assert_by_id(&server, "0400000000000000000000000000000000000000", "refs/tags/v1");
	assert_by_id(&server, "0500000000000000000000000000000000000000", NULL);
	assert_by_id(&server, "0200", NULL);
	assert_by_id(&server, "DEADbeef", NULL);
}

static void test_what_may_be_an_id(void **state)
{
	(void)state;
	assert_true(resolve_is_id("0123"));
	assert_true(resolve_is_id("0123456789abcdefABCDEF0123456789abcdef01"));
	assert_false(resolve_is_id(""));
	assert_false(resolve_is_id("012"));
	assert_false(resolve_is_id("0123456789abcdefABCDEF0123456789abcdef012"));
	assert_false(resolve_is_id("0123g"));
}

static void test_empty_repository_says_so(void **state)
{
	struct server server = { 0 };
	struct resolved resolved = { 0 };
	struct error err = { 0 };

	(void)state;
	assert_int_equal(-ENODATA, ask(&server, "main", &resolved, &err));
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
	advertise(&server, "refs/tags/master");
	advertise(&server, "refs/tags/v1");
	advertise(&server, "refs/tags/v1^{}");
	advertise(&server, "refs/pull/1/head");
	assert_int_equal(-ENOENT, ask(&server, "main", &resolved, &err));
	assert_string_equal(
		"the repository has no branch or tag 'main': it has 'master', 'v1', "
		"'production'",
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
	assert_int_equal(-ENOENT, ask(&server, "release-2", &resolved, &err));
	assert_string_equal(
		"the repository has no branch or tag 'release-2'; near to it are "
		"'release-12', 'release-1', 'release-9', 'releas-1', 'release'",
		err.text);
	assert_int_equal(-ENOENT, ask(&server, "nothing-like-it", &resolved, &err));
	assert_string_equal("the repository has no branch or tag 'nothing-like-it'",
			    err.text);
	assert_int_equal(-ENOENT,
			 resolve_missing(server.list, server.count, "abcd", &err));
	assert_string_equal("the repository has no branch, tag or commit 'abcd'",
			    err.text);
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
	assert_int_equal(-ENOENT, ask(&server, "main", &resolved, &err));
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
		cmocka_unit_test(test_tags_come_after_branches),
		cmocka_unit_test(test_ids_come_last),
		cmocka_unit_test(test_what_may_be_an_id),
		cmocka_unit_test(test_empty_repository_says_so),
		cmocka_unit_test(test_few_branches_are_all_named),
		cmocka_unit_test(test_of_many_the_near_ones),
		cmocka_unit_test(test_long_names_are_no_trouble),
		cmocka_unit_test(test_names_no_branch_can_have),
		cmocka_unit_test(test_names_a_branch_may_have),
	};

	return cmocka_run_group_tests(tests, start_library, stop_library);
}
