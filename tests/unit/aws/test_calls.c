/* SPDX-License-Identifier: MIT */
#include "aws/aws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aws/fixture.h"
#include "base/json.h"

#include <errno.h>
#include <string.h>

/* Several calls at a time, and the JSON protocol on the wire. */

#define KEYS_ARE_OLD "{\"__type\": \"ExpiredTokenException\"}"
#define CALL_COUNT 3

static const struct aws_service service = {
	.signing_name = "ssm",
	.variable = "AWS_ENDPOINT_URL_SSM",
	.target_prefix = "AmazonSSM",
};

/* What a call's on_done sees and does. */
struct watcher {
	struct aws *aws;
	struct aws_call *call;
	struct aws_call **freed; /* another call, ended in the callback */
	bool starts_another;
	struct watcher *another;
	int told_count, result;
};

static void on_done(void *userdata);

static struct aws_call *start(struct aws *aws, int64_t within_ms, struct watcher *watcher)
{
	autojson struct json_object *body = json_new_object();
	const struct aws_request request = {
		.service = &service,
		.action = "GetParameters",
		.body = body,
		.on_done = watcher ? on_done : NULL,
		.userdata = watcher,
	};
	struct aws_call *call = NULL;
	struct error err = { 0 };

	json_set_string(body, "Name", "/a/\xc3\xa9\"");
	assert_int_equal(aws_start(aws, &request, deadline_in(within_ms), &call, &err),
			 0);
	return call;
}

static void watch(struct watcher *watcher, struct aws *aws, int64_t within_ms)
{
	watcher->aws = aws;
	watcher->result = 1;
	watcher->call = start(aws, within_ms, watcher);
}

static void on_done(void *userdata)
{
	struct watcher *watcher = userdata;
	struct json_object *reply = NULL;
	struct error err;

	watcher->told_count++;
	watcher->result = aws_call_json(watcher->call, &reply, &err);
	if (watcher->freed)
		aws_call_free(TAKE(*watcher->freed));
	if (watcher->starts_another)
		watch(watcher->another, watcher->aws, 2000);
}

static int await(struct aws_call *call, struct json_object **ret_reply, struct error *err)
{
	assert_int_equal(aws_call_wait(call, err), 0);
	return aws_call_json(call, ret_reply, err);
}

static void json_call_is_a_signed_document(void **state)
{
	static const struct canned_reply replies[] = {
		{ .request = "POST / ", .status = 200, .body = "{\"Name\": \"n\"}" },
		{ 0 },
	};
	struct json_object *reply = NULL;
	struct aws_fixture fixture;
	struct error err = { 0 };
	struct aws_call *call;
	const char *sent;

	aws_fixture_set_keys("AKID", "tok");
	aws_fixture_begin(&fixture, state, replies);
	call = start(&fixture.aws, 2000, NULL);
	assert_int_equal(await(call, &reply, &err), 0);
	assert_string_equal(json_string(reply, "Name"), "n");
	sent = canned_requests(&fixture.net->canned);
	assert_non_null(strstr(sent, "\r\n\r\n{\"Name\":\"/a/\xc3\xa9\\\"\"}\n"));
	assert_non_null(strstr(sent, "\r\nx-amz-target: AmazonSSM.GetParameters\r\n"));
	assert_non_null(strstr(sent, "\r\ncontent-type: application/x-amz-json-1.1\r\n"));
	assert_null(strstr(sent, "x-www-form-urlencoded"));
	assert_non_null(strstr(sent, "\r\nx-amz-security-token: tok\r\n"));
	assert_non_null(strstr(sent,
			       "SignedHeaders=content-type;host;x-amz-date;"
			       "x-amz-security-token;x-amz-target, "));
	assert_non_null(strstr(sent, "/ap-northeast-2/ssm/aws4_request"));
	aws_call_free(call);
	aws_fixture_end(&fixture);
}

static void no_body_is_an_empty_document(void **state)
{
	static const struct canned_reply replies[] = {
		{ .request = "POST / ",
		  .status = 400,
		  .headers = "Retry-After: 3\r\n",
		  .body = "{\"__type\": \"ParameterNotFound\"}" },
		{ 0 },
	};
	const struct aws_request request = { .service = &service, .action = "Get" };
	struct json_object *reply = NULL;
	struct aws_call *call = NULL;
	struct aws_fixture fixture;
	struct error err = { 0 };

	aws_fixture_set_keys("AKID", NULL);
	aws_fixture_begin(&fixture, state, replies);
	assert_int_equal(aws_start(&fixture.aws, &request, deadline_in(2000), &call,
				   &err),
			 0);
	assert_int_equal(await(call, &reply, &err), -ENOENT);
	assert_null(reply);
	assert_int_equal(aws_call_retry_after_ms(call), 3000);
	assert_non_null(strstr(canned_requests(&fixture.net->canned), "\r\n\r\n{}\n"));
	aws_call_free(call);
	aws_fixture_end(&fixture);
}

static const struct canned_reply role_and_answer[] = {
	ROLE_REPLIES("t"),
	{ .request = "POST ", .status = 200, .body = "{}" },
	{ 0 },
};

static void calls_share_one_fetch(void **state)
{
	struct aws_call *calls[CALL_COUNT];
	struct json_object *reply = NULL;
	struct aws_fixture fixture;
	struct error err = { 0 };

	aws_fixture_set_keys(NULL, NULL);
	aws_fixture_begin(&fixture, state, role_and_answer);
	for (int i = 0; i < CALL_COUNT; i++)
		calls[i] = start(&fixture.aws, 2000, NULL);
	/* The fetch was begun by the one that gives up. */
	aws_call_free(calls[0]);
	for (int i = 1; i < CALL_COUNT; i++)
		assert_int_equal(await(calls[i], &reply, &err), 0);
	assert_int_equal(canned_count(&fixture.net->canned, "GET "), 2);
	assert_int_equal(canned_count(&fixture.net->canned, "POST "), CALL_COUNT - 1);
	for (int i = 1; i < CALL_COUNT; i++)
		aws_call_free(calls[i]);
	/* All give up: nobody waits, and the next one begins anew. */
	assert_true(credentials_forget(&fixture.aws.credentials));
	for (int i = 0; i < CALL_COUNT; i++)
		calls[i] = start(&fixture.aws, 2000, NULL);
	for (int i = 0; i < CALL_COUNT; i++)
		aws_call_free(calls[i]);
	assert_false(fixture.aws.credentials.is_fetching);
	calls[0] = start(&fixture.aws, 2000, NULL);
	assert_int_equal(await(calls[0], &reply, &err), 0);
	aws_call_free(calls[0]);
	aws_fixture_end(&fixture);
}

static void failed_fetch_is_everybodys_error(void **state)
{
	static const struct canned_reply replies[] = {
		{ .request = "PUT ", .status = 200, .body = "t" },
		{ .request = "GET ", .status = 404 },
		{ 0 },
	};
	struct watcher watchers[CALL_COUNT] = { 0 };
	struct aws_fixture fixture;
	struct error err = { 0 };

	aws_fixture_set_keys(NULL, NULL);
	aws_fixture_begin(&fixture, state, replies);
	for (int i = 0; i < CALL_COUNT; i++)
		watch(&watchers[i], &fixture.aws, 1000);
	/* The first that is told ends the last before that one is. */
	watchers[0].freed = &watchers[2].call;
	for (int i = 0; i < 2; i++)
		assert_int_equal(aws_call_wait(watchers[i].call, &err), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(watchers[i].told_count, 1);
		assert_int_equal(watchers[i].result, -ENOKEY);
		aws_call_free(watchers[i].call);
	}
	assert_null(watchers[2].call);
	assert_int_equal(watchers[2].told_count, 0);
	aws_fixture_end(&fixture);
}

static void each_waits_for_its_own_deadline(void **state)
{
	static const struct canned_reply replies[] = {
		{ .request = "PUT ", .is_silent = true },
		{ 0 },
	};
	struct watcher patient = { 0 }, hasty = { 0 };
	struct json_object *reply = NULL;
	struct aws_fixture fixture;
	struct error err = { 0 };

	aws_fixture_set_keys(NULL, NULL);
	aws_fixture_begin(&fixture, state, replies);
	watch(&patient, &fixture.aws, 60000);
	watch(&hasty, &fixture.aws, 50);
	assert_int_equal(await(hasty.call, &reply, &err), -ETIMEDOUT);
	assert_string_equal(err.text, "the credentials did not come in time");
	assert_int_equal(hasty.told_count, 1);
	assert_int_equal(patient.told_count, 0);
	assert_true(fixture.aws.credentials.is_fetching);
	aws_call_free(hasty.call);
	aws_call_free(patient.call);
	aws_fixture_end(&fixture);
}

static void fetch_cut_short_is_begun_again_for_others(void **state)
{
	static const struct canned_reply replies[] = {
		{ .request = "PUT ", .times = 1, .is_silent = true },
		ROLE_REPLIES("t"),
		{ .request = "POST ", .status = 200, .body = "{}" },
		{ 0 },
	};
	struct watcher patient = { 0 }, hasty = { 0 };
	struct json_object *reply = NULL;
	struct aws_fixture fixture;
	struct error err = { 0 };

	aws_fixture_set_keys(NULL, NULL);
	aws_fixture_begin(&fixture, state, replies);
	watch(&hasty, &fixture.aws, 50);
	watch(&patient, &fixture.aws, 10000);
	assert_true(await(hasty.call, &reply, &err) < 0);
	assert_int_equal(await(patient.call, &reply, &err), 0);
	assert_int_equal(patient.told_count, 1);
	aws_call_free(hasty.call);
	aws_call_free(patient.call);
	aws_fixture_end(&fixture);
}

static void expired_keys_are_fetched_anew_once_for_all(void **state)
{
	static const struct canned_reply replies[] = {
		ROLE_REPLIES("t"),
		{ .request = "POST ",
		  .times = CALL_COUNT,
		  .status = 400,
		  .body = KEYS_ARE_OLD },
		{ .request = "POST ", .status = 200, .body = "{}" },
		{ 0 },
	};
	struct aws_call *calls[CALL_COUNT];
	struct aws_fixture fixture;

	aws_fixture_set_keys(NULL, NULL);
	aws_fixture_begin(&fixture, state, replies);
	for (int i = 0; i < CALL_COUNT; i++)
		calls[i] = start(&fixture.aws, 5000, NULL);
	for (int i = 0; i < CALL_COUNT; i++) {
		struct json_object *reply = NULL;
		struct error err = { 0 };

		assert_int_equal(await(calls[i], &reply, &err), 0);
	}
	assert_int_equal(canned_count(&fixture.net->canned, "GET "), 4);
	assert_int_equal(canned_count(&fixture.net->canned, "POST "), 2 * CALL_COUNT);
	for (int i = 0; i < CALL_COUNT; i++)
		aws_call_free(calls[i]);
	aws_fixture_end(&fixture);
}

static void who_is_told_may_start_and_free_others(void **state)
{
	struct watcher first = { 0 }, second = { 0 };
	struct json_object *reply = NULL;
	struct aws_fixture fixture;
	struct error err = { 0 };
	struct aws_call *other;

	aws_fixture_set_keys(NULL, NULL);
	aws_fixture_begin(&fixture, state, role_and_answer);
	first.starts_another = true;
	first.another = &second;
	watch(&first, &fixture.aws, 2000);
	assert_int_equal(await(first.call, &reply, &err), 0);
	other = start(&fixture.aws, 2000, NULL);
	second.freed = &other;
	assert_int_equal(await(second.call, &reply, &err), 0);
	assert_int_equal(first.told_count, 1);
	assert_int_equal(second.told_count, 1);
	assert_int_equal(first.result, 0);
	assert_null(other);
	aws_call_free(first.call);
	aws_call_free(second.call);
	aws_fixture_end(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(json_call_is_a_signed_document),
		net_test(no_body_is_an_empty_document),
		net_test(calls_share_one_fetch),
		net_test(failed_fetch_is_everybodys_error),
		net_test(each_waits_for_its_own_deadline),
		net_test(fetch_cut_short_is_begun_again_for_others),
		net_test(expired_keys_are_fetched_anew_once_for_all),
		net_test(who_is_told_may_start_and_free_others),
	};

	return cmocka_run_group_tests_name("aws_calls", tests, NULL, NULL);
}
