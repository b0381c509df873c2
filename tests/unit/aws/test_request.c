/* SPDX-License-Identifier: MIT */
#include "aws/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aws/aws.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>

/* Where a call goes, and what is posted there. */

#define VARIABLE "AWS_ENDPOINT_URL_SSM"

static const struct aws_service form_service = { .signing_name = "autoscaling",
						 .variable = VARIABLE,
						 .api_version = "2011-01-01" };
static const struct aws_service json_service = { .signing_name = "ssm",
						 .variable = VARIABLE,
						 .target_prefix = "AmazonSSM" };

static const struct {
	const char *own, *general, *url;
} endpoints[] = {
	{ NULL, NULL, "https://ssm.cn-north-1.amazonaws.com.cn/" },
	{ "", "", "https://ssm.cn-north-1.amazonaws.com.cn/" },
	{ NULL, "http://127.0.0.1:1", "http://127.0.0.1:1/" },
	{ "", "http://127.0.0.1:1/", "http://127.0.0.1:1/" },
	{ "http://127.0.0.1:2//", "http://127.0.0.1:1", "http://127.0.0.1:2/" },
};

static void set(const char *name, const char *value)
{
	if (value)
		assert_int_equal(setenv(name, value, 1), 0);
	else
		assert_int_equal(unsetenv(name), 0);
}

static void endpoint_is_the_nearest_that_is_set(void **state)
{
	char region[] = "cn-north-1", domain[] = "amazonaws.com.cn";
	const struct aws aws = { .region = region, .domain = domain };
	struct error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(endpoints); i++) {
		autofree char *url = NULL;

		set(VARIABLE, endpoints[i].own);
		set("AWS_ENDPOINT_URL", endpoints[i].general);
		assert_int_equal(request_url(&aws, &json_service, &url, &err), 0);
		assert_string_equal(url, endpoints[i].url);
	}
}

static void wrong_variables_are_told(void **state)
{
	static const char *const wrong[] = { "127.0.0.1:1",       "http://",
					     "ftp://host",        "http://u:p@host",
					     "http://host:99999", "http://host/?a=b" };
	char region[] = "../us", domain[] = "amazonaws.com";
	const struct aws aws = { .region = region, .domain = domain };
	struct error err = { 0 };
	char *url = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		set(VARIABLE, wrong[i]);
		assert_int_equal(request_url(&aws, &json_service, &url, &err), -EINVAL);
		assert_string_equal(err.text,
				    VARIABLE
				    " is unusable: http://HOST[:PORT] or https://HOST "
				    "is expected");
	}
	set(VARIABLE, NULL);
	set("AWS_ENDPOINT_URL", "nowhere");
	assert_int_equal(request_url(&aws, &json_service, &url, &err), -EINVAL);
	assert_string_equal(err.text,
			    "AWS_ENDPOINT_URL is unusable: http://HOST[:PORT] or "
			    "https://HOST is expected");
	set("AWS_ENDPOINT_URL", NULL);
	assert_int_equal(request_url(&aws, &json_service, &url, &err), -EINVAL);
	assert_string_equal(err.text,
			    "AWS_REGION is unusable: the name of a region is expected");
	assert_null(url);
}

static const struct {
	const char *own, *https_proxy, *all_proxy, *where;
} places[] = {
	{ NULL, NULL, NULL, "https://ssm.cn-north-1.amazonaws.com.cn" },
	{ NULL, "http://u:p@proxy", NULL,
	  "https://ssm.cn-north-1.amazonaws.com.cn (https_proxy is set)" },
	{ NULL, NULL, "proxy",
	  "https://ssm.cn-north-1.amazonaws.com.cn (ALL_PROXY is set)" },
	{ "http://127.0.0.1:2/path/", "proxy", NULL,
	  "http://127.0.0.1:2 (" VARIABLE " is set)" },
	{ "https://[::1]:2", "proxy", "proxy",
	  "https://[::1]:2 (" VARIABLE " and https_proxy are set)" },
};

/* Where it was called and who said so: what there is to look at when nobody answers. */
static void place_names_the_variables_that_lead_there(void **state)
{
	char region[] = "cn-north-1", domain[] = "amazonaws.com.cn";
	const struct aws aws = { .region = region, .domain = domain };
	struct error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
		autofree char *url = NULL;
		autofree char *where = NULL;

		set(VARIABLE, places[i].own);
		set("https_proxy", places[i].https_proxy);
		set("ALL_PROXY", places[i].all_proxy);
		assert_int_equal(request_url(&aws, &json_service, &url, &err), 0);
		where = request_place(&json_service, url);
		assert_string_equal(where, places[i].where);
	}
	set(VARIABLE, NULL);
	set("https_proxy", NULL);
	set("ALL_PROXY", NULL);
}

static void form_has_action_and_version(void **state)
{
	static const struct aws_parameter parameters[] = { { "A.1", "b c&" },
							   { NULL, NULL } };
	struct aws_request request = { .service = &form_service, .action = "Do" };
	autofree char *bare = request_body(&request);
	autofree char *body = NULL;

	(void)state;
	request.parameters = parameters;
	body = request_body(&request);
	assert_string_equal(bare, "Action=Do&Version=2011-01-01");
	assert_string_equal(body, "Action=Do&Version=2011-01-01&A.1=b%20c%26");
	assert_null(request_target(&request));
}

static void document_has_its_action_in_a_header(void **state)
{
	autojson struct json_object *document = json_new_object();
	struct aws_request request = { .service = &json_service, .action = "Do" };
	autofree char *bare = request_body(&request);
	autofree char *target = request_target(&request);
	autofree char *body = NULL;

	(void)state;
	json_set_string(document, "Path", "/a/b");
	request.body = document;
	body = request_body(&request);
	assert_string_equal(bare, "{}");
	assert_string_equal(body, "{\"Path\":\"/a/b\"}");
	assert_string_equal(target, "x-amz-target: AmazonSSM.Do");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(endpoint_is_the_nearest_that_is_set),
		cmocka_unit_test(wrong_variables_are_told),
		cmocka_unit_test(place_names_the_variables_that_lead_there),
		cmocka_unit_test(form_has_action_and_version),
		cmocka_unit_test(document_has_its_action_in_a_header),
	};

	return cmocka_run_group_tests_name("aws_request", tests, NULL, NULL);
}
