/* SPDX-License-Identifier: MIT */
#include "metadata/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>

/* Where the service is: what the variables say, and that wrong ones are told. */

#define IPV4 "http://169.254.169.254"
#define IPV6 "http://[fd00:ec2::254]"

static void set(const char *name, const char *value)
{
	assert_int_equal(value ? setenv(name, value, 1) : unsetenv(name), 0);
}

static const struct {
	const char *endpoint, *mode, *first, *second;
} rows[] = {
	{ NULL, NULL, IPV4, IPV6 },
	{ "", "", IPV4, IPV6 },
	{ NULL, "IPv4", IPV4, NULL },
	{ NULL, "IPV6", IPV6, NULL },
	{ "http://127.0.0.1:1338", "IPv6", "http://127.0.0.1:1338", NULL },
	{ IPV6 "//", NULL, IPV6, NULL },
	{ "HTTP://localhost/imds/", NULL, "HTTP://localhost/imds", NULL },
	{ "https://host", NULL, "https://host", NULL },
};

static void environment_says_where(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct endpoints endpoints;
		struct error err;

		set("AWS_EC2_METADATA_SERVICE_ENDPOINT", rows[i].endpoint);
		set("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", rows[i].mode);
		assert_int_equal(endpoints_init(&endpoints, &err), 0);
		assert_int_equal(endpoints.count, rows[i].second ? 2 : 1);
		assert_string_equal(endpoints.urls[0], rows[i].first);
		if (rows[i].second)
			assert_string_equal(endpoints.urls[1], rows[i].second);
		endpoints_done(&endpoints);
		endpoints_done(&endpoints);
	}
}

static void wrong_values_are_told(void **state)
{
	static const char *const wrong[] = {
		"169.254.169.254",     "http://",         "http:// host",
		"ftp://host",          "http://u:p@host", "http://host/?a=b",
		"http://host\r\nX: 1", "file:///etc",     "http://host:99999",
	};
	struct endpoints endpoints;
	struct error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		set("AWS_EC2_METADATA_SERVICE_ENDPOINT", wrong[i]);
		assert_int_equal(endpoints_init(&endpoints, &err), -EINVAL);
		endpoints_done(&endpoints);
	}
	set("AWS_EC2_METADATA_SERVICE_ENDPOINT", "localhost:80");
	assert_int_equal(endpoints_init(&endpoints, &err), -EINVAL);
	assert_string_equal(err.text,
			    "AWS_EC2_METADATA_SERVICE_ENDPOINT is unusable: "
			    "http://HOST[:PORT] is expected");
	set("AWS_EC2_METADATA_SERVICE_ENDPOINT", NULL);
	set("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "both");
	assert_int_equal(endpoints_init(&endpoints, &err), -EINVAL);
	assert_string_equal(err.text,
			    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE is unusable: IPv4 "
			    "or IPv6 is expected");
	set("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", NULL);
}

static void one_is_kept(void **state)
{
	struct endpoints endpoints;
	struct error err;

	(void)state;
	assert_int_equal(endpoints_init(&endpoints, &err), 0);
	endpoints_keep(&endpoints, 1);
	endpoints_keep(&endpoints, 0);
	/* a second race that began while there were two, and ended as the first */
	endpoints_keep(&endpoints, 1);
	assert_int_equal(endpoints.count, 1);
	assert_string_equal(endpoints.urls[0], IPV6);
	endpoints_done(&endpoints);
}

static void only_true_disables(void **state)
{
	(void)state;
	set("AWS_EC2_METADATA_DISABLED", NULL);
	assert_false(endpoints_are_disabled());
	set("AWS_EC2_METADATA_DISABLED", "1");
	assert_false(endpoints_are_disabled());
	set("AWS_EC2_METADATA_DISABLED", "TRUE");
	assert_true(endpoints_are_disabled());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(environment_says_where),
		cmocka_unit_test(wrong_values_are_told),
		cmocka_unit_test(one_is_kept),
		cmocka_unit_test(only_true_disables),
	};

	return cmocka_run_group_tests_name("metadata_endpoint", tests, NULL, NULL);
}
