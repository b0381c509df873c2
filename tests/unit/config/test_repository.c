/* SPDX-License-Identifier: MIT */
#include "config/repository.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Which addresses git is spoken to, and how. */

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
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
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
	for (size_t i = 0; i < sizeof(locals) / sizeof(locals[0]); i++)
		assert_true(repository_is_local(locals[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(repository_is_local(others[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transports_are_told_apart),
		cmocka_unit_test(only_this_machine_is_local),
	};

	return cmocka_run_group_tests_name("repository", tests, NULL, NULL);
}
