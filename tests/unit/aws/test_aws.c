/* SPDX-License-Identifier: MIT */
#include "aws/aws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aws/fixture.h"

#include <errno.h>
#include <string.h>

/* Calls of the query protocol: what goes out, and what an answer means. */

#define ERROR_REPLY(code, message)                                     \
	"<ErrorResponse><Error><Code>" code "</Code><Message>" message \
	"</Message></Error></ErrorResponse>"

static const struct aws_service service = {
	.signing_name = "autoscaling",
	.variable = "AWS_ENDPOINT_URL_AUTO_SCALING",
	.api_version = "2011-01-01",
};

static struct aws_call *start(struct aws *aws)
{
	static const struct aws_parameter parameters[] = {
		{ "InstanceIds.member.1", "i-1" },
		{ "Odd", "a b&c=\xc3\xa9+/~" },
		{ NULL, NULL },
	};
	const struct aws_request request = {
		.service = &service,
		.action = "DescribeAutoScalingInstances",
		.parameters = parameters,
	};
	struct aws_call *call = NULL;
	struct error err = { 0 };

	assert_int_equal(aws_start(aws, &request, deadline_in(2000), &call, &err), 0);
	return call;
}

static int await(struct aws_call *call, const struct xml **ret_xml, struct error *err)
{
	assert_int_equal(aws_call_wait(call, err), 0);
	return aws_call_result(call, ret_xml, err);
}

static void call_is_a_signed_form(void **state)
{
	static const struct canned_reply replies[] = {
		{ .request = "POST / HTTP/1.1",
		  .status = 200,
		  .body = "<R><a>1</a></R>" },
		{ 0 },
	};
	const struct xml *xml = NULL;
	struct error err = { 0 };
	struct aws_call *call;
	struct aws_fixture fixture;
	const char *sent;

	aws_fixture_set_keys("AKID", "tok");
	aws_fixture_begin(&fixture, state, replies);
	call = start(&fixture.aws);
	assert_int_equal(await(call, &xml, &err), 0);
	assert_string_equal(xml_find(xml, "R/a"), "1");
	sent = canned_requests(&fixture.net->canned);
	assert_non_null(strstr(sent,
			       "\r\n\r\nAction=DescribeAutoScalingInstances"
			       "&Version=2011-01-01&InstanceIds.member.1=i-1"
			       "&Odd=a%20b%26c%3D%C3%A9%2B%2F~\n"));
	assert_non_null(strstr(sent, "Authorization: AWS4-HMAC-SHA256 Credential=AKID/"));
	assert_non_null(strstr(sent, "/ap-northeast-2/autoscaling/aws4_request"));
	assert_non_null(strstr(sent, "\r\nx-amz-security-token: tok\r\n"));
	assert_non_null(
		strcasestr(sent,
			   "\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
	assert_null(strstr(sent, "secret"));
	aws_call_free(call);
	aws_fixture_end(&fixture);
}

static void region_may_come_from_the_environment(void **state)
{
	static const struct canned_reply replies[] = {
		{ .request = "POST / HTTP/1.1", .status = 200, .body = "<R/>" },
		{ 0 },
	};
	const struct xml *xml = NULL;
	struct error err = { 0 };
	struct aws_call *call;
	struct aws_fixture fixture;

	aws_fixture_set_keys("AKID", NULL);
	assert_int_equal(setenv("AWS_REGION", "cn-north-1", 1), 0);
	aws_fixture_begin(&fixture, state, replies);
	assert_string_equal(fixture.aws.domain, "amazonaws.com.cn");
	call = start(&fixture.aws);
	assert_int_equal(await(call, &xml, &err), 0);
	assert_non_null(strstr(canned_requests(&fixture.net->canned),
			       "/cn-north-1/autoscaling/aws4_request"));
	aws_call_free(call);
	/* the instance's own one has its own domain, which may be none of ours */
	assert_int_equal(setenv("AWS_REGION", "ap-northeast-2", 1), 0);
	aws_set_region(&fixture.aws, "ap-northeast-2", "example.com");
	assert_string_equal(fixture.aws.domain, "example.com");
	assert_int_equal(unsetenv("AWS_REGION"), 0);
	aws_fixture_end(&fixture);
}

static void long_lived_keys_have_no_token(void **state)
{
	static const struct canned_reply replies[] = {
		{ .request = "POST ", .status = 200, .body = "<R/>" },
		{ 0 },
	};
	const struct xml *xml = NULL;
	struct error err = { 0 };
	struct aws_call *call;
	struct aws_fixture fixture;

	aws_fixture_set_keys("AKID", NULL);
	aws_fixture_begin(&fixture, state, replies);
	call = start(&fixture.aws);
	assert_int_equal(await(call, &xml, &err), 0);
	assert_null(strcasestr(canned_requests(&fixture.net->canned), "security-token"));
	aws_call_free(call);
	aws_fixture_end(&fixture);
}

static void keys_are_fetched_first_where_there_are_none(void **state)
{
	static const struct canned_reply replies[] = {
		ROLE_REPLIES("t"),
		{ .request = "POST ", .status = 200, .body = "<R/>" },
		{ 0 },
	};
	struct aws_fixture fixture;

	aws_fixture_set_keys(NULL, NULL);
	aws_fixture_begin(&fixture, state, replies);
	for (int i = 0; i < 2; i++) {
		const struct xml *xml = NULL;
		struct error err = { 0 };
		struct aws_call *call = start(&fixture.aws);

		assert_int_equal(await(call, &xml, &err), 0);
		aws_call_free(call);
	}
	assert_int_equal(canned_count(&fixture.net->canned, "GET "), 2);
	assert_int_equal(canned_count(&fixture.net->canned, "POST "), 2);
	aws_fixture_end(&fixture);
}

static void no_role_is_the_calls_error(void **state)
{
	static const struct canned_reply replies[] = {
		{ .request = "PUT ", .status = 200, .body = "t" },
		{ .request = "GET ", .status = 404 },
		{ 0 },
	};
	const struct xml *xml = NULL;
	struct error err = { 0 };
	struct aws_call *call;
	struct aws_fixture fixture;

	aws_fixture_set_keys(NULL, NULL);
	aws_fixture_begin(&fixture, state, replies);
	call = start(&fixture.aws);
	assert_int_equal(await(call, &xml, &err), -ENOKEY);
	assert_string_equal(err.text,
			    "the instance has no IAM role: attach an instance profile");
	assert_int_equal(canned_count(&fixture.net->canned, "POST "), 0);
	aws_call_free(call);
	/* one given up in the middle of it */
	aws_call_free(start(&fixture.aws));
	aws_call_free(NULL);
	aws_fixture_end(&fixture);
}

static const struct {
	struct canned_reply reply;
	int code;
	enum retry_class class;
	const char *sentence;
} refusals[] = {
	{ { .status = 400,
	    .body = ERROR_REPLY("ValidationError", "No active Lifecycle Action found") },
	  -EINVAL,
	  RETRY_PERMANENT,
	  "ValidationError: No active Lifecycle Action found" },
	{ { .status = 400, .body = ERROR_REPLY("Throttling", "Rate exceeded") },
	  -EBUSY,
	  RETRY_THROTTLED,
	  "Throttling: Rate exceeded" },
	{ { .status = 503, .body = ERROR_REPLY("RequestLimitExceeded", "") },
	  -EBUSY,
	  RETRY_THROTTLED,
	  "RequestLimitExceeded: " },
	{ { .status = 500, .body = ERROR_REPLY("InternalFailure", "x") },
	  -EAGAIN,
	  RETRY_TRANSIENT,
	  "InternalFailure: x" },
	{ { .status = 403, .body = ERROR_REPLY("AccessDenied", "not allowed") },
	  -EACCES,
	  RETRY_PERMANENT,
	  "AccessDenied: not allowed" },
	{ { .status = 400, .body = ERROR_REPLY("Odd", "x&#10;y") },
	  -EPROTO,
	  RETRY_PERMANENT,
	  "Odd: x y" },
	{ { .status = 502, .body = "<html>Bad gateway" },
	  -EAGAIN,
	  RETRY_TRANSIENT,
	  "autoscaling answered 502" },
	{ { .status = 404, .body = "" },
	  -EPROTO,
	  RETRY_PERMANENT,
	  "autoscaling answered 404" },
	{ { .status = 302, .headers = "Location: http://127.0.0.1:9/\r\n" },
	  -EPROTO,
	  RETRY_PERMANENT,
	  "autoscaling answered 302" },
	{ { .status = 200, .body = "{}" },
	  -EPROTO,
	  RETRY_PERMANENT,
	  "the answer is not the XML that AWS sends" },
};

static void refusals_are_told_apart(void **state)
{
	aws_fixture_set_keys("AKID", NULL);
	for (size_t i = 0; i < ARRAY_COUNT(refusals); i++) {
		struct canned_reply replies[] = { refusals[i].reply, { 0 } };
		const struct xml *xml = NULL;
		struct error err = { 0 };
		struct aws_call *call;
		struct aws_fixture fixture;

		aws_fixture_begin(&fixture, state, replies);
		call = start(&fixture.aws);
		assert_int_equal(await(call, &xml, &err), refusals[i].code);
		assert_string_equal(err.text, refusals[i].sentence);
		assert_int_equal(retry_class_of(aws_rules, err.code), refusals[i].class);
		assert_null(xml);
		aws_call_free(call);
		aws_fixture_end(&fixture);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(call_is_a_signed_form),
		net_test(region_may_come_from_the_environment),
		net_test(long_lived_keys_have_no_token),
		net_test(keys_are_fetched_first_where_there_are_none),
		net_test(no_role_is_the_calls_error),
		net_test(refusals_are_told_apart),
	};

	return cmocka_run_group_tests_name("aws_aws", tests, NULL, NULL);
}
