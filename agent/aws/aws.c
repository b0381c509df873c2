/* SPDX-License-Identifier: MIT */
#include "aws/aws.h"

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

struct aws_call {
	struct aws *aws;
	const struct aws_service *service;
	char *body;
	struct deadline deadline;
	struct http_transfer *transfer;
	bool awaits_credentials, is_done, is_parsed;
	struct xml xml;
	struct error error;
};

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

static int refuse_status(struct aws_call *call, const struct http_reply *reply,
			 struct error *err)
{
	const char *code = xml_find(&call->xml, "Error/Code");
	const char *message = xml_find(&call->xml, "Error/Message");

	if (!code)
		return error_set(err, reply->status >= 500 ? EAGAIN : EPROTO,
				 "%s answered %ld", call->service->signing_name,
				 reply->status);
	if (reply->status >= 500 || strstr(code, "Throttl") ||
	    strcmp(code, "RequestLimitExceeded") == 0)
		return error_set(err, EAGAIN, "%s: %s", code, message ? message : "");
	if (strcmp(code, "ValidationError") == 0)
		return error_set(err, EINVAL, "%s: %s", code, message ? message : "");
	if (reply->status == 401 || reply->status == 403)
		return error_set(err, EACCES, "%s: %s", code, message ? message : "");
	return error_set(err, EPROTO, "%s: %s", code, message ? message : "");
}

static int take_reply(struct aws_call *call, const struct http_transfer *transfer,
		      struct error *err)
{
	const struct http_reply *reply = NULL;
	int result = http_transfer_result(transfer, &reply, err);

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

static void on_transfer_done(struct http_transfer *transfer, void *userdata)
{
	struct aws_call *call = userdata;

	finish(call, take_reply(call, transfer, &call->error));
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
	http_transfer_free(call->transfer);
	xml_done(&call->xml);
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

bool aws_error_is_transient(int code)
{
	return code == -EAGAIN || code == -ETIMEDOUT || code == -ECONNREFUSED ||
		code == -ECONNRESET || code == -EHOSTUNREACH || code == -ENETUNREACH ||
		code == -EIO || code == -ENODATA;
}
