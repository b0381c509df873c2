/* SPDX-License-Identifier: MIT */
#include "config/repository.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"

#include <string.h>

/* Which addresses git is spoken to, and how. */

#define FORTY "0123456789abcdef0123456789abcdef01234567"

static void transports_are_told_apart(void **state)
{
	static const struct {
		const char *address;
		enum repository_transport transport;
	} addresses[] = {
		{ "https://git.example/r.git", REPOSITORY_HTTPS },
		{ "https://bot@git.example:8443/r.git", REPOSITORY_HTTPS },
		{ "http://127.0.0.1/r", REPOSITORY_HTTP },
		{ "ssh://git.example/r", REPOSITORY_SSH },
		{ "ssh://git@git.example:22/r", REPOSITORY_SSH },
		{ "git@git.example:acme/r.git", REPOSITORY_SSH },
		{ "", REPOSITORY_UNKNOWN },
		{ "https://", REPOSITORY_UNKNOWN },
		{ "https:///r", REPOSITORY_UNKNOWN },
		{ "https://a:hunter2@git.example/r", REPOSITORY_UNKNOWN },
		{ "https://:hunter2@git.example/r", REPOSITORY_UNKNOWN },
		{ "https://a@b@git.example/r", REPOSITORY_UNKNOWN },
		{ "https://@git.example/r", REPOSITORY_UNKNOWN },
		{ "https://git.example/r r", REPOSITORY_UNKNOWN },
		{ "https://git.example/r?private_token=hunter2", REPOSITORY_UNKNOWN },
		{ "https://git.example?a", REPOSITORY_UNKNOWN },
		{ "https://git.example/r#a", REPOSITORY_UNKNOWN },
		{ "https://ghp_hunter2@git.example/r", REPOSITORY_UNKNOWN },
		{ "https://github_pat_hunter2@git.example/r", REPOSITORY_UNKNOWN },
		{ "https://glpat-hunter2@git.example/r", REPOSITORY_UNKNOWN },
		{ "ssh://ghs_hunter2@git.example/r", REPOSITORY_UNKNOWN },
		{ "ghs_hunter2@git.example:r", REPOSITORY_UNKNOWN },
		{ "https://" FORTY "@git.example/r", REPOSITORY_HTTPS },
		{ "https://" FORTY "x@git.example/r", REPOSITORY_UNKNOWN },
		{ "https://ghp@git.example/ghp_r", REPOSITORY_HTTPS },
		{ "HTTPS://git.example/r", REPOSITORY_UNKNOWN },
		{ "ssh://-oProxyCommand=x/r", REPOSITORY_UNKNOWN },
		{ "git@-oProxyCommand=x:r", REPOSITORY_UNKNOWN },
		{ "git:hunter2@git.example:r", REPOSITORY_UNKNOWN },
		{ "git.example:r", REPOSITORY_UNKNOWN },
		{ "git@git.example", REPOSITORY_UNKNOWN },
		{ "git@git.example:", REPOSITORY_UNKNOWN },
		{ "a/b@git.example:r", REPOSITORY_UNKNOWN },
		{ "file:///srv/r", REPOSITORY_UNKNOWN },
		{ "/srv/r", REPOSITORY_UNKNOWN },
		{ "git://git.example/r", REPOSITORY_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(addresses); i++)
		assert_int_equal(repository_transport_of(addresses[i].address),
				 addresses[i].transport);
}

static void only_this_machine_is_local(void **state)
{
	static const char *const locals[] = {
		"http://127.0.0.1/r",      "http://127.1.2.3:80/r",  "http://localhost/r",
		"http://localhost:8080/r", "http://bot@127.0.0.1/r", "http://[::1]:80/r",
	};
	static const char *const others[] = {
		"http://git.example/r",
		"http://127.0.0.1.example/r",
		"http://localhost.example/",
		"http://[::2]/r",
		"http://10.0.0.1/r",
		"http://git.example/127.0.0.1",
		"http://git.example/@127.0.0.1",
		"git@127.0.0.1:r",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(locals); i++)
		assert_true(repository_is_local(locals[i]));
	for (size_t i = 0; i < ARRAY_COUNT(others); i++)
		assert_false(repository_is_local(others[i]));
}

static void what_may_be_a_secret_is_not_shown(void **state)
{
	static const struct {
		const char *address, *shown;
	} addresses[] = {
		{ "https://git.example/r.git", "https://git.example/r.git" },
		{ "https://hunter2@git.example:8443/r", "https://git.example:8443/r" },
		{ "http://a:hunter2@git.example/r", "http://git.example/r" },
		{ "http://a@hunter2@git.example/r", "http://git.example/r" },
		{ "https://git.example/r?private_token=hunter2",
		  "https://git.example/r" },
		{ "https://git.example/r#hunter2", "https://git.example/r" },
		{ "https://git.example/a@b", "https://git.example/a@b" },
		{ "ssh://git@git.example/r?a", "ssh://git@git.example/r" },
		{ "git@git.example:acme/r.git", "git@git.example:acme/r.git" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
		autofree char *shown = repository_shown(addresses[i].address);

		assert_string_equal(shown, addresses[i].shown);
	}
}

static void a_refusal_names_the_key_that_the_secret_belongs_to(void **state)
{
	static const struct {
		const char *address, *key;
	} addresses[] = {
		{ "https://a:hunter2@git.example/r", "source.token_parameter" },
		{ "https://ghp_hunter2@git.example/r", "source.token_parameter" },
		{ "https://git.example/r?hunter2", "source.token_parameter" },
		{ "git:hunter2@git.example:r", "source.ssh_key_parameter" },
		{ "ghp_hunter2@git.example:r", "source.ssh_key_parameter" },
		{ "file:///hunter2", "user@host:path" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
		const char *refusal = repository_refusal(addresses[i].address);

		assert_non_null(strstr(refusal, addresses[i].key));
		assert_null(strstr(refusal, "hunter2"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transports_are_told_apart),
		cmocka_unit_test(only_this_machine_is_local),
		cmocka_unit_test(what_may_be_a_secret_is_not_shown),
		cmocka_unit_test(a_refusal_names_the_key_that_the_secret_belongs_to),
	};

	return cmocka_run_group_tests_name("repository", tests, NULL, NULL);
}
