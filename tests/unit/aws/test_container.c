/* SPDX-License-Identifier: MIT */
#include "aws/container.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>

/* Whom a container's authorization token may be told, and what the request is made of. */

static void set(const char *relative, const char *full, const char *token)
{
	static const char *const names[] = { "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
					     "AWS_CONTAINER_CREDENTIALS_FULL_URI",
					     "AWS_CONTAINER_AUTHORIZATION_TOKEN" };
	const char *const values[] = { relative, full, token };

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(values[i] ? setenv(names[i], values[i], 1)
					   : unsetenv(names[i]),
				 0);
	assert_int_equal(unsetenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"), 0);
}

static const struct {
	const char *relative, *full, *url; /* NULL: refused */
} rows[] = {
	{ "/v2/credentials/x", NULL, "http://169.254.170.2/v2/credentials/x" },
	{ "/v2/x", "http://127.0.0.1/", "http://169.254.170.2/v2/x" },
	{ "v2/x", NULL, NULL },
	{ "@evil.example/x", NULL, NULL },
	{ NULL, "http://169.254.170.23/v1/credentials",
	  "http://169.254.170.23/v1/credentials" },
	{ NULL, "http://[fd00:ec2::23]/v1", "http://[fd00:ec2::23]/v1" },
	{ NULL, "http://localhost:8080/x", "http://localhost:8080/x" },
	{ NULL, "http://127.8.9.1/x", "http://127.8.9.1/x" },
	{ NULL, "http://[::1]:1/x", "http://[::1]:1/x" },
	{ NULL, "https://keys.example.com/x", "https://keys.example.com/x" },
	{ NULL, "http://keys.example.com/x", NULL },
	{ NULL, "http://127.0.0.1.example.com/x", NULL },
	{ NULL, "http://127.0.0.1@example.com/x", NULL },
	{ NULL, "http://128.0.0.1/x", NULL },
	{ NULL, "http://169.254.169.254/x", NULL },
	{ NULL, "ftp://localhost/x", NULL },
	{ NULL, "localhost", NULL },
};

static void token_goes_to_this_host_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		autofree char *url = NULL;
		autofree char *header = NULL;
		struct error err;
		int result;

		set(rows[i].relative, rows[i].full, "Basic x");
		assert_true(container_is_configured());
		result = container_request(&url, &header, &err);
		assert_int_equal(result, rows[i].url ? 0 : -EINVAL);
		if (rows[i].url) {
			assert_string_equal(url, rows[i].url);
			assert_string_equal(header, "Authorization: Basic x");
		}
	}
}

static void nothing_is_nothing(void **state)
{
	autofree char *url = NULL;
	autofree char *header = NULL;
	struct error err;

	(void)state;
	set(NULL, NULL, NULL);
	assert_false(container_is_configured());
	set("", "", NULL);
	assert_false(container_is_configured());
	set("/x", NULL, NULL);
	assert_int_equal(container_request(&url, &header, &err), 0);
	assert_null(header);
}

static void unusable_tokens_are_refused(void **state)
{
	autofree char *url = NULL;
	autofree char *header = NULL;
	struct error err;

	(void)state;
	set("/x", NULL, "a\r\nX-Other: 1");
	assert_int_equal(container_request(&url, &header, &err), -EINVAL);
	assert_string_equal(err.text, "the container's authorization token is unusable");
	set("/x", NULL, NULL);
	assert_int_equal(setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
				"/nonexistent/token", 1),
			 0);
	assert_int_equal(container_request(&url, &header, &err), -ENOENT);
	assert_null(url);
	assert_null(header);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(token_goes_to_this_host_only),
		cmocka_unit_test(nothing_is_nothing),
		cmocka_unit_test(unusable_tokens_are_refused),
	};

	return cmocka_run_group_tests_name("aws_container", tests, NULL, NULL);
}
