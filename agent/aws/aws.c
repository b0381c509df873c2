/* SPDX-License-Identifier: MIT */
#include "aws/aws.h"

#include "aws/skew.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "loop/loop.h"
#include "net/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>

/*
 * Calls of the query protocol: a signed form posted to "/". What libcurl's signer of 7.88
 * gets right is narrow (facts A5): the body by POSTFIELDS, lower-case header names of
 * which none is a prefix of another, the four-part signing scope, no redirect, no header
 * removed.
 */

#define AWS_CONNECT_TIMEOUT_MS 3000
#define AWS_TRY_TIMEOUT_MS 10000
#define WAIT_MARGIN_MS 1000
#define AWS_REPLY_MAX_BYTES (1024 * 1024)
#define CLOCK_LOOK_MS 1000

struct aws_call {
	struct aws *aws;
	const struct aws_service *service;
	char *body;
	struct deadline deadline;
	struct http_transfer *transfer;
	bool awaits_credentials, is_done, is_parsed, has_new_keys;
	int64_t retry_after_ms;
	struct skew skew;
	struct retry clock_retry;
	struct xml xml;
	struct error error;
};

const struct retry_rule aws_rules[] = {
	{ -EBUSY, RETRY_THROTTLED },       { -EAGAIN, RETRY_TRANSIENT },
	{ -ETIMEDOUT, RETRY_TRANSIENT },   { -ECONNREFUSED, RETRY_TRANSIENT },
	{ -ECONNRESET, RETRY_TRANSIENT },  { -EHOSTUNREACH, RETRY_TRANSIENT },
	{ -ENETUNREACH, RETRY_TRANSIENT }, { -EIO, RETRY_TRANSIENT },
	{ -ENODATA, RETRY_TRANSIENT },     { 0, RETRY_PERMANENT },
};

/* AWS's own codes; the SDKs' lists of throttling and transient errors. */
static const struct {
	const char *code;
	int number;
} aws_codes[] = {
	{ "Throttling", EBUSY },
	{ "ThrottlingException", EBUSY },
	{ "ThrottledException", EBUSY },
	{ "RequestThrottled", EBUSY },
	{ "RequestThrottledException", EBUSY },
	{ "EC2ThrottledException", EBUSY },
	{ "TooManyRequestsException", EBUSY },
	{ "RequestLimitExceeded", EBUSY },
	{ "BandwidthLimitExceeded", EBUSY },
	{ "LimitExceededException", EBUSY },
	{ "ProvisionedThroughputExceededException", EBUSY },
	{ "PriorRequestNotComplete", EBUSY },
	{ "SlowDown", EBUSY },
	{ "RequestTimeout", EAGAIN },
	{ "RequestTimeoutException", EAGAIN },
	{ "InternalFailure", EAGAIN },
	{ "InternalError", EAGAIN },
	{ "ServiceUnavailable", EAGAIN },
	{ "ResourceContention", EAGAIN },
	{ "ScalingActivityInProgress", EAGAIN },
	{ "ExpiredToken", EKEYEXPIRED },
	{ "ExpiredTokenException", EKEYEXPIRED },
	{ "ValidationError", EINVAL },
};

static int post(struct aws_call *call, struct error *err);
static void on_credentials(int result, const struct error *err, void *userdata);

void aws_init(struct aws *aws, struct loop *loop, struct http *http, struct imds *imds)
{
	*aws = (struct aws){ .http = http, .loop = loop };
	credentials_init(&aws->credentials, imds);
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
	free(aws->region);
	free(aws->domain);
	aws->region = text_copy(region);
	aws->domain = text_copy(domain);
}

static char *endpoint_of(const struct aws *aws, const struct aws_service *service)
{
	const char *endpoint = getenv(service->variable);
	char *url;

	if (!endpoint || !*endpoint)
		endpoint = getenv("AWS_ENDPOINT_URL");
	if (!endpoint || !*endpoint)
		return text_format("https://%s.%s.%s/", service->signing_name,
				   aws->region, aws->domain);
	url = text_format("%s/", endpoint);
	while (strlen(url) > 1 && strcmp(url + strlen(url) - 2, "//") == 0)
		url[strlen(url) - 1] = '\0';
	return url;
}

static char *append_field(char *body, const char *name, const char *value)
{
	char *escaped = curl_easy_escape(NULL, value, 0);
	char *longer;

	if (!escaped)
		abort();
	longer = text_format("%s%s%s=%s", body ? body : "", body ? "&" : "", name,
			     escaped);
	curl_free(escaped);
	free(body);
	return longer;
}

static int number_of(const char *code, long status)
{
	for (size_t i = 0; i < ARRAY_COUNT(aws_codes); i++)
		if (strcmp(code, aws_codes[i].code) == 0)
			return aws_codes[i].number;
	if (status == 429)
		return EBUSY;
	if (status >= 500)
		return EAGAIN;
	return status == 401 || status == 403 ? EACCES : EPROTO;
}

static int refuse_status(struct aws_call *call, const struct http_reply *reply,
			 struct error *err)
{
	const char *code = xml_find(&call->xml, "Error/Code");
	const char *message = xml_find(&call->xml, "Error/Message");
	char text[SKEW_TEXT_BYTES];

	call->retry_after_ms = reply->retry_after_ms;
	if (!code)
		return error_set(err,
				 number_of("", reply->status) == EACCES
					 ? EPROTO
					 : number_of("", reply->status),
				 "%s answered %ld", call->service->signing_name,
				 reply->status);
	if (skew_is_meant(code, message)) {
		skew_note(&call->skew, reply->header);
		skew_format(&call->skew, text);
		return error_set(err, ESTALE,
				 "the clock is %s and was not set in time: is chrony "
				 "running? %s: %s",
				 text, code, message ? message : "");
	}
	return error_set(err, number_of(code, reply->status), "%s: %s", code,
			 message ? message : "");
}

static int take_reply(struct aws_call *call, const struct http_transfer *transfer,
		      struct error *err)
{
	const struct http_reply *reply = NULL;
	int result = http_transfer_result(transfer, &reply, err);

	call->retry_after_ms = 0;
	if (result < 0)
		return error_wrap(err, "call %s", call->service->signing_name);
	result = xml_parse(reply->body, reply->body_length_bytes, &call->xml, err);
	if (reply->status != 200)
		return refuse_status(call, reply, err);
	return result;
}

static void finish(struct aws_call *call, int result)
{
	call->is_parsed = result == 0;
	call->is_done = true;
}

static void drop_reply(struct aws_call *call)
{
	http_transfer_free(TAKE(call->transfer));
	xml_done(&call->xml);
}

/* Once a second: was the clock set, or is it time to see whether AWS takes it? */
static void look_at_clock(void *userdata)
{
	struct aws_call *call = userdata;
	const struct retry_hint hint = { 0 };
	int result;

	if (skew_is_over(&call->skew)) {
		drop_reply(call);
		result = post(call, &call->error);
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

static int renew_keys(struct aws_call *call)
{
	int result;

	call->has_new_keys = true;
	drop_reply(call);
	result = credentials_start(&call->aws->credentials, call->deadline,
				   on_credentials, call, &call->error);
	call->awaits_credentials = result == 0;
	return result;
}

static void on_transfer_done(struct http_transfer *transfer, void *userdata)
{
	struct aws_call *call = userdata;
	int result = take_reply(call, transfer, &call->error);

	if (result == -ESTALE) {
		result = wait_for_clock(call);
		if (result == 0)
			return;
	} else if (result == -EKEYEXPIRED && !call->has_new_keys &&
		   credentials_forget(&call->aws->credentials)) {
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
	autofree char *url = endpoint_of(call->aws, call->service);
	autofree char *scope = text_format("aws:amz:%s:%s", call->aws->region,
					   call->service->signing_name);
	autofree char *token =
		text_format("x-amz-security-token: %s",
			    credentials->session_token ? credentials->session_token : "");
	const char *const headers[] = { credentials->session_token ? token : NULL, NULL };
	const struct http_request request = {
		.url = url,
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
	int result = http_start(call->aws->http, &request, on_transfer_done, call,
				&call->transfer, err);

	explicit_bzero(token, strlen(token));
	return result;
}

static void on_credentials(int result, const struct error *err, void *userdata)
{
	struct aws_call *call = userdata;

	call->awaits_credentials = false;
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

int aws_start(struct aws *aws, const struct aws_request *request,
	      struct deadline deadline, struct aws_call **ret_call, struct error *err)
{
	struct aws_call *call = memory_new(1, sizeof(*call));
	int result;

	call->aws = aws;
	call->service = request->service;
	call->deadline = deadline;
	call->body = append_field(NULL, "Action", request->action);
	call->body = append_field(call->body, "Version", request->service->api_version);
	for (const struct aws_parameter *field = request->parameters; field->name;
	     field++)
		call->body = append_field(call->body, field->name, field->value);
	if (credentials_are_fresh(&aws->credentials)) {
		result = post(call, err);
	} else {
		result = credentials_start(&aws->credentials, deadline, on_credentials,
					   call, err);
		call->awaits_credentials = result == 0;
	}
	if (result < 0 && credentials_are_valid(&aws->credentials))
		result = post(call, err);
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
	/*
	 * A call given up while its credentials are on their way: nobody waits for them.
	 */
	if (call->awaits_credentials)
		credentials_cancel(&call->aws->credentials);
	retry_done(&call->clock_retry);
	drop_reply(call);
	free(call->body);
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

int aws_call_result(const struct aws_call *call, const struct xml **ret_xml,
		    struct error *err)
{
	if (!call->is_parsed) {
		*err = call->error;
		return err->code;
	}
	*ret_xml = &call->xml;
	return 0;
}

int64_t aws_call_retry_after_ms(const struct aws_call *call)
{
	return call->retry_after_ms;
}
