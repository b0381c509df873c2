/* SPDX-License-Identifier: MIT */
#include "aws/aws.h"

#include "aws/reply.h"
#include "aws/request.h"
#include "aws/skew.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "loop/loop.h"
#include "metadata/metadata.h"
#include "net/http.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/*
 * The life of a call: keys, a signed post to "/", and a reply, perhaps a clock to wait
 * for. What libcurl's signer of 7.88 gets right is narrow (facts A5): the body by
 * POSTFIELDS, lower-case header names of which none is a prefix of another, the four-part
 * signing scope, no redirect, no header removed. What is said in either protocol is left
 * to request.c and reply.c.
 */

#define AWS_CONNECT_TIMEOUT_MS 3000
#define AWS_TRY_TIMEOUT_MS 10000
#define WAIT_MARGIN_MS 1000
#define AWS_REPLY_MAX_BYTES (1024 * 1024)
#define CLOCK_LOOK_MS 1000
#define HEADERS_MAX 3
#define JSON_CONTENT_TYPE "content-type: application/x-amz-json-1.1"

struct aws_call {
	struct aws *aws;
	const struct aws_service *service;
	char *url;
	char *body;
	char *target; /* the JSON protocol's header, or NULL */
	struct deadline deadline;
	struct keys_waiter waiter;
	unsigned keys_generation; /* of the keys it was signed with */
	struct http_transfer *transfer;
	bool is_done, is_good, has_new_keys, is_telling;
	int64_t retry_after_ms;
	struct skew skew;
	struct retry clock_retry;
	struct aws_reply reply;
	struct error error;
	void (*on_done)(void *userdata);
	void *userdata;
};

static int sign(struct aws_call *call, struct error *err);

void aws_init(struct aws *aws, struct loop *loop, struct http *http, struct imds *imds)
{
	*aws = (struct aws){ .http = http, .loop = loop };
	credentials_init(&aws->credentials, imds);
	keys_init(&aws->keys, &aws->credentials, loop);
}

void aws_done(struct aws *aws)
{
	credentials_done(&aws->credentials);
	free(aws->region);
	free(aws->domain);
	*aws = (struct aws){ 0 };
}

void aws_set_region(struct aws *aws, const char *region, const char *domain)
{
	const char *other = getenv("AWS_REGION");
	bool is_other = other && *other && strcmp(other, region) != 0;

	free(aws->region);
	free(aws->domain);
	aws->region = text_copy(is_other ? other : region);
	aws->domain = is_other ? metadata_domain_of(other) : text_copy(domain);
}

static int refuse_time(struct aws_call *call, const char *date, struct error *err)
{
	const char *message = call->reply.message;
	char text[SKEW_TEXT_BYTES];

	skew_note(&call->skew, date);
	skew_format(&call->skew, text);
	return error_set(err, ESTALE,
			 "the clock is %s and was not set in time: is chrony running? "
			 "%s: %s",
			 text, call->reply.code, message ? message : "");
}

static int tell_place(const struct aws_call *call, struct error *err)
{
	autofree char *place = request_place(call->service, call->url);

	return error_wrap(err, "call %s at %s", call->service->signing_name, place);
}

static int take_reply(struct aws_call *call, const struct http_transfer *transfer,
		      struct error *err)
{
	const struct http_reply *reply = NULL;
	int result = http_transfer_result(transfer, &reply, err);

	call->retry_after_ms = 0;
	if (result < 0)
		return tell_place(call, err);
	if (reply->status != 200)
		credentials_hide(&call->aws->credentials, reply->body,
				 reply->body_length_bytes);
	result = aws_reply_read(&call->reply, call->service, reply->status, reply->body,
				reply->body_length_bytes, err);
	if (reply->status != 200)
		call->retry_after_ms = reply->retry_after_ms;
	if (result < 0 && call->reply.code &&
	    skew_is_meant(call->reply.code, call->reply.message))
		return refuse_time(call, reply->header, err);
	return result;
}

static void finish(struct aws_call *call, int result)
{
	call->is_good = result == 0;
	call->is_done = true;
	if (!call->on_done)
		return;
	call->is_telling = true;
	call->on_done(call->userdata);
	call->is_telling = false;
}

static void drop_reply(struct aws_call *call)
{
	http_transfer_free(TAKE(call->transfer));
	aws_reply_done(&call->reply);
}

/* Once a second: was the clock set, or is it time to see whether AWS takes it? */
static void look_at_clock(void *userdata)
{
	struct aws_call *call = userdata;
	const struct retry_hint hint = { 0 };
	int result;

	if (skew_is_over(&call->skew)) {
		drop_reply(call);
		result = sign(call, &call->error);
	} else {
		result = retry_later(&call->clock_retry, &hint, &call->error);
	}
	if (result < 0)
		finish(call, result);
}

static const struct retry_rule clock_rules[] = { { 0, RETRY_TRANSIENT } };

static int wait_for_clock(struct aws_call *call)
{
	const struct retry_hint hint = { 0 };
	const struct retry_plan plan = {
		.loop = call->aws->loop,
		.what = "the clock",
		.rules = clock_rules,
		.first_ms = CLOCK_LOOK_MS,
		.is_steady = true,
		.deadline = call->deadline,
		.userdata = call,
		.again = look_at_clock,
	};
	int result;

	retry_done(&call->clock_retry);
	retry_init(&call->clock_retry, &plan);
	result = retry_later(&call->clock_retry, &hint, &call->error);
	if (result == 0)
		skew_tell(&call->skew, &call->aws->listener, false);
	return result;
}

/* Keys that AWS does not take. Where there are no others, that was the last word. */
static int renew_keys(struct aws_call *call)
{
	if (!keys_forget(&call->aws->keys, call->keys_generation))
		return call->error.code = -EACCES;
	call->has_new_keys = true;
	drop_reply(call);
	return sign(call, &call->error);
}

static void on_transfer_done(struct http_transfer *transfer, void *userdata)
{
	struct aws_call *call = userdata;
	int result = take_reply(call, transfer, &call->error);

	if (result == -ESTALE) {
		result = wait_for_clock(call);
		if (result == 0)
			return;
	} else if (result == -EKEYEXPIRED && !call->has_new_keys) {
		result = renew_keys(call);
		if (result == 0)
			return;
	}
	if (result == 0)
		skew_tell(&call->skew, &call->aws->listener, true);
	finish(call, result);
}

static int post(struct aws_call *call, struct error *err)
{
	const struct credentials *credentials = &call->aws->credentials;
	autofree char *scope = text_format("aws:amz:%s:%s", call->aws->region,
					   call->service->signing_name);
	autofree char *token =
		text_format("x-amz-security-token: %s",
			    credentials->session_token ? credentials->session_token : "");
	const char *headers[HEADERS_MAX + 1] = { 0 };
	size_t count = 0;
	const struct http_request request = {
		.url = call->url,
		.headers = headers,
		.body = call->body,
		.body_length_bytes = strlen(call->body),
		.connect_timeout_ms = AWS_CONNECT_TIMEOUT_MS,
		.deadline =
			deadline_sooner(deadline_in(AWS_TRY_TIMEOUT_MS), call->deadline),
		.reply_max_bytes = AWS_REPLY_MAX_BYTES,
		.sigv4 = scope,
		.access_key = credentials->access_key,
		.secret_key = credentials->secret_key,
		.wanted_header = "Date",
	};
	int result;

	if (credentials->session_token)
		headers[count++] = token;
	if (call->target) {
		headers[count++] = JSON_CONTENT_TYPE;
		headers[count++] = call->target;
	}
	call->keys_generation = call->aws->keys.generation;
	result = http_start(call->aws->http, &request, on_transfer_done, call,
			    &call->transfer, err);
	explicit_bzero(token, strlen(token));
	return result;
}

static void on_credentials(int result, const struct error *err, void *userdata)
{
	struct aws_call *call = userdata;

	/* Not renewed, but not expired yet: they do (facts A2). */
	if (result < 0 && credentials_are_valid(&call->aws->credentials))
		result = 0;
	if (result < 0)
		call->error = *err;
	else
		result = post(call, &call->error);
	if (result < 0)
		finish(call, result);
}

/* Posts it with keys that stay good for a while, or as soon as they are there. */
static int sign(struct aws_call *call, struct error *err)
{
	const struct credentials *credentials = &call->aws->credentials;
	int result;

	if (credentials_are_fresh(credentials))
		return post(call, err);
	result = keys_await(&call->aws->keys, &call->waiter, err);
	if (result < 0 && credentials_are_valid(credentials))
		return post(call, err);
	return result;
}

int aws_start(struct aws *aws, const struct aws_request *request,
	      struct deadline deadline, struct aws_call **ret_call, struct error *err)
{
	struct aws_call *call = memory_new(1, sizeof(*call));
	int result;

	call->aws = aws;
	call->service = request->service;
	call->deadline = deadline;
	call->waiter.deadline = deadline;
	call->waiter.on_done = on_credentials;
	call->waiter.userdata = call;
	call->on_done = request->on_done;
	call->userdata = request->userdata;
	call->body = request_body(request);
	call->target = request_target(request);
	result = request_url(aws, request->service, &call->url, err);
	if (result == 0)
		result = sign(call, err);
	if (result < 0) {
		aws_call_free(call);
		return result;
	}
	*ret_call = call;
	return 0;
}

void aws_call_free(struct aws_call *call)
{
	if (!call)
		return;
	assert(!call->is_telling);
	keys_leave(&call->waiter);
	retry_done(&call->clock_retry);
	drop_reply(call);
	free(call->url);
	free(call->body);
	free(call->target);
	free(call);
}

static bool is_done(const void *call)
{
	return ((const struct aws_call *)call)->is_done;
}

int aws_call_wait(struct aws_call *call, struct error *err)
{
	/* The transfer's own timeout comes first and knows the reason. */
	const struct deadline net = { call->deadline.at_ms + WAIT_MARGIN_MS };

	return loop_wait(call->aws->loop, is_done, call, net, err);
}

static int judge(const struct aws_call *call, struct error *err)
{
	if (call->is_good)
		return 0;
	*err = call->error;
	return err->code;
}

int aws_call_result(const struct aws_call *call, const struct xml **ret_xml,
		    struct error *err)
{
	int result = judge(call, err);

	if (result == 0)
		*ret_xml = &call->reply.xml;
	return result;
}

int aws_call_json(const struct aws_call *call, struct json_object **ret_reply,
		  struct error *err)
{
	int result = judge(call, err);

	if (result == 0)
		*ret_reply = call->reply.document;
	return result;
}

int64_t aws_call_retry_after_ms(const struct aws_call *call)
{
	return call->retry_after_ms;
}
