/* SPDX-License-Identifier: MIT */
#include "git/address.h"

#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Addresses of repositories taken apart, and what libgit2 gets of them. */

struct example {
	const char *text;
	const char *url;
	const char *host;
	const char *user;
	const char *password;
	int port;
	enum address_scheme scheme;
};

static const struct example examples[] = {
	{ "https://h/a.git", "https://h/a.git", "h", NULL, NULL, 443, ADDRESS_HTTPS },
	{ "HTTPS://h", "https://h", "h", NULL, NULL, 443, ADDRESS_HTTPS },
	{ "http://h:81/a?b=c@d", "http://h:81/a?b=c@d", "h", NULL, NULL, 81,
	  ADDRESS_HTTP },
	{ "https://joe@h/a", "https://h/a", "h", "joe", NULL, 443, ADDRESS_HTTPS },
	{ "https://a%40b:c%3a%2F%zz%4@h/a", "https://h/a", "h", "a@b", "c:/%zz%4", 443,
	  ADDRESS_HTTPS },
	{ "https://a:b@c:d@h/a", "https://h/a", "h", "a", "b@c:d", 443, ADDRESS_HTTPS },
	{ "http://[::1]:8080/a", "http://[::1]:8080/a", "::1", NULL, NULL, 8080,
	  ADDRESS_HTTP },
	{ "https://h:/a", "https://h:/a", "h", NULL, NULL, 443, ADDRESS_HTTPS },
	{ "ssh://h/a", "ssh://git@h/a", "h", NULL, NULL, 22, ADDRESS_SSH },
	{ "ssh://me@h:2222/a", "ssh://me@h:2222/a", "h", "me", NULL, 2222, ADDRESS_SSH },
	{ "me@h:a/b.git", "me@h:a/b.git", "h", NULL, NULL, 22, ADDRESS_SSH },
	{ "h:a", "git@h:a", "h", NULL, NULL, 22, ADDRESS_SSH },
	{ "git@h:/a://b", "git@h:/a://b", "h", NULL, NULL, 22, ADDRESS_SSH },
};

static void test_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		const struct example *example = &examples[i];
		struct address address = { 0 };
		struct error err = { 0 };

		assert_int_equal(0, address_parse(example->text, &address, &err));
		assert_string_equal(example->url, address.url);
		assert_string_equal(example->host, address.host);
		assert_true(text_is_equal(example->user, address.user));
		assert_true(text_is_equal(example->password, address.password));
		assert_int_equal(example->port, address.port);
		assert_int_equal(example->scheme, address.scheme);
		address_done(&address);
	}
}

static void test_what_is_none(void **state)
{
	static const char *const texts[] = {
		"",
		"/a",
		"a",
		"a/b:c",
		"file:///a",
		"git://h/a",
		"https://",
		"https:///a",
		"https://me@/a",
		"https://h:0/a",
		"https://h:65536/a",
		"https://h:+1/a",
		"https://h:1x/a",
		"https://h:99999999999999999999/a",
		"https://[::1/a",
		"https://[::1]1/a",
		"https://h h/a",
		"https://-h/a",
		"ssh://h",
		"ssh://h//",
		"ssh://h/a'b",
		"ssh://a:b@h/a",
		"h:",
		":a",
		"@:a",
		"git@-h:a",
		"h h:a",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct address address = { 0 };
		struct error err = { 0 };

		assert_int_equal(-EINVAL, address_parse(texts[i], &address, &err));
		assert_null(address.host);
		assert_int_not_equal('\0', err.text[0]);
	}
}

static void test_loopback(void **state)
{
	static const char *const own[] = { "http://localhost/", "http://LOCALHOST/",
					   "http://127.0.0.1/", "http://127.255.0.9:1/",
					   "http://[::1]/" };
	static const char *const others[] = {
		"http://localhost.example.com/", "http://128.0.0.1/", "http://127.1/",
		"http://127.0.0.1.example.com/", "http://[::2]/",     "http://[::]/"
	};
	struct address address = { 0 };
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		assert_int_equal(0, address_parse(own[i], &address, &err));
		assert_true(address_is_loopback(&address));
		address_done(&address);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_int_equal(0, address_parse(others[i], &address, &err));
		assert_false(address_is_loopback(&address));
		address_done(&address);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_what_is_none),
		cmocka_unit_test(test_loopback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
