/* SPDX-License-Identifier: MIT */
#include "metadata/imds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/text.h"
#include "net/fixture.h"

#include <errno.h>
#include <string.h>

/* One value at a time: session token, value, and after a 401 one new token. */

static struct imds start_service(struct net_fixture *net,
				 const struct canned_reply *replies)
{
	struct error err;
	struct imds imds;

	assert_int_equal(canned_start(&net->canned, replies), 0);
	assert_int_equal(setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", net->canned.url, 1),
			 0);
	assert_int_equal(imds_init(&imds, &net->loop, net->http, &err), 0);
	return imds;
}

/* Asks for /latest/x and copies the value, if there is one. */
static int ask(struct net_fixture *net, struct imds *imds, char ret_value[static 64],
	       struct error *err)
{
	const struct imds_request request = { "x", deadline_in(2000), 0, false };
	struct imds_query *query = NULL;
	const char *text = NULL;
	int result;

	assert_int_equal(imds_start(imds, &request, &query, err), 0);
	assert_int_equal(loop_wait(&net->loop, imds_query_is_done, query,
				   deadline_in(5000), err),
			 0);
	result = imds_query_result(query, &text, err);
	ret_value[0] = '\0';
	if (result == 0)
		(void)strncat(ret_value, text, 63);
	imds_query_free(query);
	return result;
}

static void disabled_service_is_not_asked(void **state)
{
	static const struct canned_reply replies[] = { { 0 } };
	const struct imds_request request = { "x", deadline_in(2000), 0, false };
	struct net_fixture *net = *state;
	struct imds_query *query = NULL;
	struct error err = { 0 };
	struct imds imds;

	assert_int_equal(setenv("AWS_EC2_METADATA_DISABLED", "True", 1), 0);
	imds = start_service(net, replies);
	assert_int_equal(unsetenv("AWS_EC2_METADATA_DISABLED"), 0);
	assert_true(imds.is_disabled);
	assert_int_equal(imds_start(&imds, &request, &query, &err), -EOPNOTSUPP);
	assert_string_equal(err.text,
			    "AWS_EC2_METADATA_DISABLED is true: the metadata service is "
			    "not asked for 'x'");
	assert_int_equal(retry_class_of(imds_rules, err.code), RETRY_PERMANENT);
	assert_int_equal(strlen(canned_requests(&net->canned)), 0);
	imds_done(&imds);
}

static void token_is_fetched_once(void **state)
{
	static const struct canned_reply replies[] = {
		{ .request = "PUT /latest/api/token ", .status = 200, .body = "t1" },
		{ .request = "GET /latest/x ", .status = 200, .body = "value" },
		{ 0 },
	};
	struct net_fixture *net = *state;
	struct imds imds = start_service(net, replies);
	struct error err = { 0 };
	char value[64];

	assert_int_equal(ask(net, &imds, value, &err), 0);
	assert_string_equal(value, "value");
	assert_int_equal(ask(net, &imds, value, &err), 0);
	assert_int_equal(canned_count(&net->canned, "PUT "), 1);
	assert_int_equal(canned_count(&net->canned,
				      "X-aws-ec2-metadata-token-ttl-seconds: 21600"),
			 1);
	assert_int_equal(canned_count(&net->canned, "X-aws-ec2-metadata-token: t1"), 2);
	imds_done(&imds);
}

/* Two calls of AWS may want credentials, and the addresses be raced for, at a time. */
static void two_races_at_a_time(void **state)
{
	static const struct canned_reply replies[] = {
		{ .request = "PUT ", .status = 200, .body = "t" },
		{ .request = "GET ", .status = 200, .body = "value" },
		{ 0 },
	};
	const struct imds_request request = { "x", deadline_in(2000), 0, false };
	struct net_fixture *net = *state;
	struct imds_query *queries[2] = { NULL };
	struct error err = { 0 };
	struct imds imds = start_service(net, replies);
	const char *text = NULL;

	imds.endpoints.urls[1] = imds.endpoints.urls[0];
	imds.endpoints.urls[0] = text_copy("http://127.0.0.1:1");
	imds.endpoints.count = 2;
	for (size_t i = 0; i < ARRAY_COUNT(queries); i++)
		assert_int_equal(imds_start(&imds, &request, &queries[i], &err), 0);
	for (size_t i = 0; i < ARRAY_COUNT(queries); i++) {
		assert_int_equal(loop_wait(&net->loop, imds_query_is_done, queries[i],
					   deadline_in(5000), &err),
				 0);
		assert_int_equal(imds_query_result(queries[i], &text, &err), 0);
		assert_string_equal(text, "value");
	}
	assert_string_equal(imds.endpoints.urls[0], net->canned.url);
	for (size_t i = 0; i < ARRAY_COUNT(queries); i++)
		imds_query_free(queries[i]);
	imds_done(&imds);
}

static void expired_token_is_replaced(void **state)
{
	static const struct canned_reply replies[] = {
		{ .request = "PUT ", .times = 1, .status = 200, .body = "old" },
		{ .request = "PUT ", .times = 1, .status = 200, .body = "new" },
		{ .request = "GET ", .times = 1, .status = 401 },
		{ .request = "GET ", .status = 200, .body = "value" },
		{ 0 },
	};
	struct net_fixture *net = *state;
	struct imds imds = start_service(net, replies);
	struct error err = { 0 };
	char value[64];

	assert_int_equal(ask(net, &imds, value, &err), 0);
	assert_string_equal(value, "value");
	assert_int_equal(canned_count(&net->canned, "X-aws-ec2-metadata-token: old"), 1);
	assert_int_equal(canned_count(&net->canned, "X-aws-ec2-metadata-token: new"), 1);
	imds_done(&imds);
}

static void second_401_is_an_answer(void **state)
{
	static const struct canned_reply replies[] = {
		{ .request = "PUT ", .status = 200, .body = "t" },
		{ .request = "GET ", .status = 401 },
		{ 0 },
	};
	struct net_fixture *net = *state;
	struct imds imds = start_service(net, replies);
	struct error err = { 0 };
	char value[64];

	assert_int_equal(ask(net, &imds, value, &err), -EAGAIN);
	assert_string_equal(err.text, "the metadata service answered 401 for 'x'");
	assert_int_equal(retry_class_of(imds_rules, err.code), RETRY_TRANSIENT);
	assert_int_equal(canned_count(&net->canned, "PUT "), 2);
	assert_int_equal(canned_count(&net->canned, "GET "), 2);
	imds_done(&imds);
}

struct refusal {
	struct canned_reply token, value;
	int code;
	const char *sentence;
};

static const struct refusal refusals[] = {
	{ { .status = 200, .body = "t" },
	  { .status = 404 },
	  -ENOENT,
	  "the metadata service has no 'x'" },
	{ { .status = 404 },
	  { .status = 500 },
	  -EAGAIN,
	  "the metadata service answered 404 for 'api/token'" },
	{ { .status = 200, .body = "t" },
	  { .status = 200, .body = "" },
	  -ENODATA,
	  "the metadata service gave an empty 'x'" },
	{ { .status = 200, .body = "t" },
	  { .status = 200, .body = "a\0b", .body_length_bytes = 3 },
	  -EAGAIN,
	  "the metadata service gave garbage for 'x'" },
	{ { .status = 200, .body = "" },
	  { .status = 500 },
	  -EAGAIN,
	  "the metadata service gave no usable session token" },
	/* a line end would be a header of its own */
	{ { .status = 200, .body = "t\r\nX: 1" },
	  { .status = 500 },
	  -EAGAIN,
	  "the metadata service gave no usable session token" },
	{ { .status = 503, .headers = "Retry-After: 1\r\n" },
	  { .status = 500 },
	  -EBUSY,
	  "the metadata service answered 503 for 'api/token'" },
	{ { .status = 200, .body = "t" },
	  { .status = 503 },
	  -EBUSY,
	  "the metadata service answered 503 for 'x'" },
	{ { .status = 200, .body = "t" },
	  { .status = 302 },
	  -EAGAIN,
	  "the metadata service answered 302 for 'x'" },
};

static void refusals_have_their_sentences(void **state)
{
	struct net_fixture *net = *state;

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct canned_reply replies[] = { refusals[i].token,
						  refusals[i].value,
						  { 0 } };
		struct error err = { 0 };
		struct imds imds;
		char value[64];

		replies[0].request = "PUT ";
		replies[1].request = "GET ";
		imds = start_service(net, replies);
		assert_int_equal(ask(net, &imds, value, &err), refusals[i].code);
		assert_string_equal(err.text, refusals[i].sentence);
		imds_done(&imds);
		canned_stop(&net->canned);
	}
}

static void token_of_absurd_length_is_refused(void **state)
{
	static char token[1026];
	const struct canned_reply replies[] = {
		{ .request = "PUT ", .status = 200, .body = token },
		{ 0 },
	};
	struct net_fixture *net = *state;
	struct error err = { 0 };
	struct imds imds;
	char value[64];

	memset(token, 't', sizeof(token) - 1);
	imds = start_service(net, replies);
	assert_int_equal(ask(net, &imds, value, &err), -EAGAIN);
	assert_null(imds.token);
	imds_done(&imds);
}

static void bytes_are_taken_as_they_are(void **state)
{
	static const struct canned_reply replies[] = {
		{ .request = "PUT ", .status = 200, .body = "t" },
		{ .request = "GET /latest/large ",
		  .status = 200,
		  .body = "four bytes too many" },
		{ .request = "GET ",
		  .status = 200,
		  .body = "a\0b",
		  .body_length_bytes = 3 },
		{ 0 },
	};
	const struct imds_request binary = { "x", deadline_in(2000), 0, true };
	const struct imds_request large = { "large", deadline_in(2000), 15, true };
	struct net_fixture *net = *state;
	struct imds imds = start_service(net, replies);
	struct imds_query *query = NULL;
	struct error err = { 0 };
	const char *data = NULL;

	assert_int_equal(imds_start(&imds, &binary, &query, &err), 0);
	assert_int_equal(loop_wait(&net->loop, imds_query_is_done, query,
				   deadline_in(5000), &err),
			 0);
	assert_int_equal(imds_query_result(query, &data, &err), 0);
	assert_int_equal(imds_query_length_bytes(query), 3);
	assert_memory_equal(data, "a\0b", 4);
	imds_query_free(query);
	assert_int_equal(imds_start(&imds, &large, &query, &err), 0);
	assert_int_equal(loop_wait(&net->loop, imds_query_is_done, query,
				   deadline_in(5000), &err),
			 0);
	assert_int_equal(imds_query_result(query, &data, &err), -EFBIG);
	imds_query_free(query);
	imds_done(&imds);
}

static void free_in_on_done(struct imds_query *query, void *userdata)
{
	*(bool *)userdata = true;
	imds_query_free(query);
}

static bool is_true(const void *data)
{
	return *(const bool *)data;
}

static void query_may_be_freed_at_any_time(void **state)
{
	static const struct canned_reply replies[] = {
		{ .request = "PUT ", .status = 200, .body = "t" },
		{ .request = "GET /latest/silent ", .is_silent = true },
		{ .request = "GET ", .status = 200, .body = "value" },
		{ 0 },
	};
	struct net_fixture *net = *state;
	struct imds imds = start_service(net, replies);
	const struct imds_request x = { "x", deadline_in(2000), 0, false };
	const struct imds_request silent = { "silent", deadline_in(2000), 0, false };
	struct imds_query *query = NULL;
	struct error err = { 0 };
	bool is_told = false;

	/* before it began, while it waits, and when it has ended */
	assert_int_equal(imds_start(&imds, &x, &query, &err), 0);
	imds_query_free(query);
	assert_int_equal(imds_start(&imds, &silent, &query, &err), 0);
	assert_int_equal(loop_pause(&net->loop, 20, &err), 0);
	assert_false(imds_query_is_done(query));
	imds_query_free(query);
	assert_int_equal(imds_start(&imds, &x, &query, &err), 0);
	imds_query_on_done(query, free_in_on_done, &is_told);
	assert_int_equal(loop_wait(&net->loop, is_true, &is_told, deadline_in(2000),
				   &err),
			 0);
	imds_done(&imds);
}

static void proxy_is_never_asked(void **state)
{
	static const struct canned_reply replies[] = {
		{ .request = "PUT /latest/api/token ", .status = 200, .body = "t" },
		{ .request = "GET /latest/x ", .status = 200, .body = "value" },
		{ 0 },
	};
	struct net_fixture *net = *state;
	struct imds imds = start_service(net, replies);
	struct error err = { 0 };
	char value[64];

	assert_int_equal(setenv("http_proxy", "http://127.0.0.1:9", 1), 0);
	assert_int_equal(ask(net, &imds, value, &err), 0);
	assert_string_equal(value, "value");
	assert_int_equal(unsetenv("http_proxy"), 0);
	imds_done(&imds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(disabled_service_is_not_asked),
		net_test(token_is_fetched_once),
		net_test(two_races_at_a_time),
		net_test(expired_token_is_replaced),
		net_test(second_401_is_an_answer),
		net_test(refusals_have_their_sentences),
		net_test(token_of_absurd_length_is_refused),
		net_test(bytes_are_taken_as_they_are),
		net_test(query_may_be_freed_at_any_time),
		net_test(proxy_is_never_asked),
	};

	return cmocka_run_group_tests_name("metadata_imds", tests, NULL, NULL);
}
