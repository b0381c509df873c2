/* SPDX-License-Identifier: MIT */
#include "net/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/text.h"
#include "net/fixture.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* Single requests to a canned server: what comes back, and how failures are told. */

static const struct canned_reply replies[] = {
	{ .request = "GET /hello ",
	  .status = 200,
	  .headers = "X-Revision: abc \r\nX-Revision: second\r\n",
	  .body = "hello" },
	{ .request = "GET /nul ", .status = 200, .body = "a\0b", .body_length_bytes = 3 },
	{ .request = "GET /empty ", .status = 204 },
	{ .request = "GET /busy ", .status = 503, .headers = "Retry-After: 7\r\n" },
	{ .request = "GET /busy-for-ever ",
	  .status = 503,
	  .headers = "Retry-After: 9223372036854775807\r\n" },
	{ .request = "GET /busy-once ",
	  .status = 503,
	  .headers = "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n" },
	{ .request = "GET /moved ", .status = 301, .headers = "Location: /hello\r\n" },
	{ .request = "POST /form ", .status = 200, .body = "taken" },
	{ .request = "PUT /put ", .status = 201 },
	{ .request = "GET /silent ", .is_silent = true },
	{ .request = "GET /cut ", .status = 200, .body = "half", .is_cut = true },
	{ 0 },
};

/* What a request is unless a test says otherwise. */
static struct http_request request_for(const char *url)
{
	return (struct http_request){ .url = url,
				      .connect_timeout_ms = 1000,
				      .deadline = deadline_in(2000),
				      .reply_max_bytes = 64 };
}

static void start_server(struct net_fixture *net)
{
	assert_int_equal(canned_start(&net->canned, replies), 0);
}

/* The result; the reply lives until the transfer is freed. */
static int get(struct net_fixture *net, const char *path, struct http_transfer **transfer,
	       const struct http_reply **ret_reply, struct error *err)
{
	autofree char *url = text_format("%s%s", net->canned.url, path);
	struct http_request request = request_for(url);

	request.wanted_header = "x-revision";
	assert_int_equal(http_perform(net->http, &request, transfer, err), 0);
	assert_true(http_transfer_is_done(*transfer));
	return http_transfer_result(*transfer, ret_reply, err);
}

static void answer_is_given_as_it_came(void **state)
{
	struct net_fixture *net = *state;
	autotransfer struct http_transfer *transfer = NULL;
	const struct http_reply *reply = NULL;
	struct error err = { 0 };

	start_server(net);
	assert_int_equal(get(net, "/hello", &transfer, &reply, &err), 0);
	assert_int_equal(reply->status, 200);
	assert_string_equal(reply->body, "hello");
	assert_int_equal(reply->body_length_bytes, 5);
	assert_string_equal(reply->header, "abc");
	assert_int_equal(reply->retry_after_ms, 0);
	assert_int_equal(err.code, 0);
}

static void odd_bodies(void **state)
{
	struct net_fixture *net = *state;
	autotransfer struct http_transfer *with_nul = NULL;
	autotransfer struct http_transfer *empty = NULL;
	const struct http_reply *reply = NULL;
	struct error err = { 0 };

	start_server(net);
	assert_int_equal(get(net, "/nul", &with_nul, &reply, &err), 0);
	assert_int_equal(reply->body_length_bytes, 3);
	assert_memory_equal(reply->body, "a\0b", 4);
	assert_null(reply->header);
	assert_int_equal(get(net, "/empty", &empty, &reply, &err), 0);
	assert_int_equal(reply->status, 204);
	assert_string_equal(reply->body, "");
}

static int64_t retry_after_of(struct net_fixture *net, const char *path)
{
	autotransfer struct http_transfer *transfer = NULL;
	const struct http_reply *reply = NULL;
	struct error err = { 0 };

	assert_int_equal(get(net, path, &transfer, &reply, &err), 0);
	assert_int_equal(reply->status, 503);
	return reply->retry_after_ms;
}

static void retry_after_is_kept_and_bounded(void **state)
{
	struct net_fixture *net = *state;

	start_server(net);
	assert_int_equal(retry_after_of(net, "/busy"), 7000);
	/* a server must not make numbers wrap, nor wait less than nothing */
	assert_in_range(retry_after_of(net, "/busy-for-ever"), 1000, 1000000000);
	assert_int_equal(retry_after_of(net, "/busy-once"), 0);
}

static void redirect_is_an_answer_and_not_followed(void **state)
{
	struct net_fixture *net = *state;
	autotransfer struct http_transfer *transfer = NULL;
	const struct http_reply *reply = NULL;
	struct error err = { 0 };

	start_server(net);
	assert_int_equal(get(net, "/moved", &transfer, &reply, &err), 0);
	assert_int_equal(reply->status, 301);
	assert_int_equal(canned_count(&net->canned, "GET "), 1);
}

static void method_headers_and_body_go_out(void **state)
{
	struct net_fixture *net = *state;
	static const char *const headers[] = { "X-One: 1", "Host: other", NULL };
	autotransfer struct http_transfer *form = NULL;
	autotransfer struct http_transfer *put = NULL;
	autofree char *form_url = NULL;
	autofree char *put_url = NULL;
	struct error err = { 0 };
	struct http_request request;

	start_server(net);
	form_url = text_format("%s/form", net->canned.url);
	request = request_for(form_url);
	request.headers = headers;
	request.body = "a=1&b=2 and not this";
	request.body_length_bytes = 7;
	assert_int_equal(http_perform(net->http, &request, &form, &err), 0);
	assert_non_null(strstr(canned_requests(&net->canned), "POST /form HTTP/1.1\r\n"));
	assert_non_null(strstr(canned_requests(&net->canned), "\r\nHost: other\r\n"));
	assert_non_null(strstr(canned_requests(&net->canned), "\r\nX-One: 1\r\n"));
	assert_non_null(strstr(canned_requests(&net->canned), "\r\n\r\na=1&b=2\n"));
	put_url = text_format("%s/put", net->canned.url);
	request = request_for(put_url);
	request.method = "PUT";
	assert_int_equal(http_perform(net->http, &request, &put, &err), 0);
	assert_int_equal(canned_count(&net->canned, "PUT /put"), 1);
}

static void answer_has_a_maximum(void **state)
{
	struct net_fixture *net = *state;
	autofree char *url = NULL;
	autotransfer struct http_transfer *transfer = NULL;
	const struct http_reply *reply = NULL;
	struct error err = { 0 };
	struct http_request request;

	start_server(net);
	url = text_format("%s/hello", net->canned.url);
	request = request_for(url);
	request.reply_max_bytes = 5;
	assert_int_equal(http_perform(net->http, &request, &transfer, &err), 0);
	assert_int_equal(http_transfer_result(transfer, &reply, &err), 0);
	http_transfer_free(TAKE(transfer));
	request.reply_max_bytes = 4;
	reply = NULL;
	assert_int_equal(http_perform(net->http, &request, &transfer, &err), 0);
	assert_int_equal(http_transfer_result(transfer, &reply, &err), -EFBIG);
	assert_string_equal(err.text, "the answer is larger than 4 bytes");
	assert_null(reply);
}

static void silence_ends_at_the_deadline(void **state)
{
	struct net_fixture *net = *state;
	autofree char *url = NULL;
	autotransfer struct http_transfer *transfer = NULL;
	const struct http_reply *reply = NULL;
	struct error err = { 0 };
	struct http_request request;
	int64_t begun_ms = clock_monotonic_ms();

	start_server(net);
	url = text_format("%s/silent", net->canned.url);
	request = request_for(url);
	request.deadline = deadline_in(40);
	assert_int_equal(http_perform(net->http, &request, &transfer, &err), 0);
	assert_int_equal(http_transfer_result(transfer, &reply, &err), -ETIMEDOUT);
	assert_string_equal(err.text, "connected, but no answer came in time");
	assert_true(http_transfer_was_connected(transfer));
	assert_in_range(clock_monotonic_ms() - begun_ms, 35, 900);
}

static void broken_answer_is_no_answer(void **state)
{
	struct net_fixture *net = *state;
	autotransfer struct http_transfer *transfer = NULL;
	const struct http_reply *reply = NULL;
	struct error err = { 0 };

	start_server(net);
	assert_int_equal(get(net, "/cut", &transfer, &reply, &err), -EIO);
	assert_true(strlen(err.text) > 0);
	assert_null(reply);
}

static int code_of(struct net_fixture *net, const char *url)
{
	struct http_request request = request_for(url);
	autotransfer struct http_transfer *transfer = NULL;
	const struct http_reply *reply = NULL;
	struct error err = { 0 };

	assert_int_equal(http_perform(net->http, &request, &transfer, &err), 0);
	assert_false(http_transfer_was_connected(transfer));
	return http_transfer_result(transfer, &reply, &err);
}

static void what_cannot_be_reached_is_told_apart(void **state)
{
	struct net_fixture *net = *state;

	/* nobody listens on the discard port of a test machine */
	assert_int_equal(code_of(net, "http://127.0.0.1:9/"), -ECONNREFUSED);
	assert_int_equal(code_of(net, "file:///etc/passwd"), -EINVAL);
	assert_int_equal(code_of(net, "http://[::1"), -EINVAL);
}

static void signal_ends_the_wait_and_the_transfer(void **state)
{
	struct net_fixture *net = *state;
	autofree char *url = NULL;
	struct http_transfer *transfer = NULL;
	struct error err = { 0 };
	struct http_request request;

	start_server(net);
	url = text_format("%s/silent", net->canned.url);
	request = request_for(url);
	assert_int_equal(raise(SIGTERM), 0);
	assert_int_equal(http_perform(net->http, &request, &transfer, &err), -ECANCELED);
	assert_null(transfer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(answer_is_given_as_it_came),
		net_test(odd_bodies),
		net_test(retry_after_is_kept_and_bounded),
		net_test(redirect_is_an_answer_and_not_followed),
		net_test(method_headers_and_body_go_out),
		net_test(answer_has_a_maximum),
		net_test(silence_ends_at_the_deadline),
		net_test(broken_answer_is_no_answer),
		net_test(what_cannot_be_reached_is_told_apart),
		net_test(signal_ends_the_wait_and_the_transfer),
	};

	return cmocka_run_group_tests_name("net_http", tests, NULL, NULL);
}
