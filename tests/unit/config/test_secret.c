/* SPDX-License-Identifier: MIT */
#include "config/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

/* How secrets are named, and what is no name. */

static void names_are_taken_apart(void **state)
{
	static const struct {
		const char *text;
		enum secret_store store;
		const char *id, *member;
	} names[] = {
		{ "key", SECRET_PARAMETER, "key", NULL },
		{ "/im8/api/key", SECRET_PARAMETER, "/im8/api/key", NULL },
		{ "/im8/api/key:3", SECRET_PARAMETER, "/im8/api/key:3", NULL },
		{ "/im8/api/key:live", SECRET_PARAMETER, "/im8/api/key:live", NULL },
		{ "arn:aws:ssm:eu-west-1:123456789012:parameter/im8/key",
		  SECRET_PARAMETER,
		  "arn:aws:ssm:eu-west-1:123456789012:parameter/im8/key", NULL },
		{ "/aws/reference/secretsmanager/im8/key", SECRET_SECRET, "im8/key",
		  NULL },
		{ "/aws/reference/secretsmanager/im8/key:master", SECRET_SECRET,
		  "im8/key", "master" },
		{ "arn:aws:secretsmanager:eu-west-1:123456789012:secret:im8/key-AbCdEf",
		  SECRET_SECRET,
		  "arn:aws:secretsmanager:eu-west-1:123456789012:secret:im8/key-AbCdEf",
		  NULL },
		{ "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:k-AbC:master",
		  SECRET_SECRET,
		  "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:k-AbC",
		  "master" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct secret_name name = { 0 };

		assert_int_equal(secret_name_parse(names[i].text, &name), 0);
		assert_int_equal(name.store, names[i].store);
		assert_string_equal(name.id, names[i].id);
		if (names[i].member)
			assert_string_equal(name.member, names[i].member);
		else
			assert_null(name.member);
		secret_name_done(&name);
		assert_true(secret_is_name(names[i].text));
	}
}

static void what_is_no_name_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"/",
		"im8/key",
		"/im8//key",
		"/im8/key/",
		"/im8/key:",
		"/im8/key:a:b",
		"a b",
		"-----BEGIN OPENSSH PRIVATE KEY-----\n",
		"arn:aws:ssm:eu-west-1",
		"arn:aws:s3:::bucket/key",
		"arn:aws:ssm:eu-west-1:123456789012:document/x",
		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:",
		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:k:a:b",
		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:k:",
		"/aws/reference/secretsmanager/",
		"/aws/reference/secretsmanager/k:a b",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct secret_name name = { 0 };

		assert_int_equal(secret_name_parse(texts[i], &name), -EINVAL);
		assert_null(name.id);
	}
}

static void groups_are_paths_or_whole_secrets(void **state)
{
	(void)state;
	assert_true(secret_is_group("/im8/api/env/"));
	assert_true(secret_is_group("/im8"));
	assert_true(secret_is_group("/aws/reference/secretsmanager/env"));
	assert_true(secret_is_group("arn:aws:secretsmanager:a:1:secret:env-AbCdEf"));
	assert_false(secret_is_group("/"));
	assert_false(secret_is_group("im8"));
	assert_false(secret_is_group("/im8//env/"));
	assert_false(secret_is_group("/im8/env:3"));
	assert_false(secret_is_group("/aws/reference/secretsmanager/env:key"));
	assert_false(secret_is_group("arn:aws:ssm:a:1:parameter/im8/env"));
}

static void of_an_arn_the_region_is_known(void **state)
{
	(void)state;
	assert_string_equal(secret_region("arn:aws:ssm:eu-west-1:1:parameter/a"),
			    "eu-west-1:1:parameter/a");
	assert_null(secret_region("/a/b"));
	assert_null(secret_region("arn:aws:ssm"));
	assert_null(secret_region("arn:aws:ssm::1:parameter/a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_taken_apart),
		cmocka_unit_test(what_is_no_name_is_refused),
		cmocka_unit_test(of_an_arn_the_region_is_known),
		cmocka_unit_test(groups_are_paths_or_whole_secrets),
	};

	return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
