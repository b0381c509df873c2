/* SPDX-License-Identifier: MIT */
#include "metadata/imds.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "net/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * IMDSv2 as a small state machine on the loop: token, value, and after a 401 one new
 * token and the value again. There is no fall-back to version 1. Everything goes over one
 * kept-alive connection, one request after the other: bursts are answered with nonsense
 * (facts I2). Retrying for minutes is the caller's matter.
 */

#define IMDS_ENDPOINT "http://169.254.169.254"
#define IMDS_CONNECT_TIMEOUT_MS 2000
#define IMDS_TRY_TIMEOUT_MS 5000
#define IMDS_REPLY_MAX_BYTES 65536
#define IMDS_TOKEN_TTL "X-aws-ec2-metadata-token-ttl-seconds: 21600"
#define IMDS_TOKEN_MAX_BYTES 1024

struct imds_query {
	struct imds *imds;
	char *path;
	struct deadline deadline;
	struct http_transfer *transfer;
	bool is_for_token, has_new_token, is_done;
	int64_t retry_after_ms;
	char *value;
	struct error error;
	void (*on_done)(struct imds_query *query, void *userdata);
	void *userdata;
};

static int ask_token(struct imds_query *query, struct error *err);
static int ask_value(struct imds_query *query, struct error *err);

void imds_init(struct imds *imds, struct http *http)
{
	const char *endpoint = getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	size_t length;

	*imds = (struct imds){ .http = http };
	imds->endpoint = text_copy(endpoint && *endpoint ? endpoint : IMDS_ENDPOINT);
	length = strlen(imds->endpoint);
	while (length > 0 && imds->endpoint[length - 1] == '/')
		imds->endpoint[--length] = '\0';
}

static void forget_token(struct imds *imds)
{
	if (imds->token)
		explicit_bzero(imds->token, strlen(imds->token));
	free(imds->token);
	imds->token = NULL;
}

void imds_done(struct imds *imds)
{
	forget_token(imds);
	free(imds->endpoint);
	*imds = (struct imds){ 0 };
}

static void finish(struct imds_query *query)
{
	query->is_done = true;
	if (query->on_done)
		query->on_done(query, query->userdata);
}

static int refuse_status(struct imds_query *query, const struct http_reply *reply)
{
	struct error *err = &query->error;

	query->retry_after_ms = reply->retry_after_ms;
	if (reply->status == 404 && !query->is_for_token)
		return error_set(err, ENOENT, "the metadata service has no '%s'",
				 query->path);
	if (reply->status == 403)
		return error_set(
			err, EACCES,
			"the metadata service refuses (403): it is switched off for "
			"this instance; set HttpEndpoint to enabled");
	return error_set(err, EAGAIN, "the metadata service answered %ld for '%s'",
			 reply->status, query->is_for_token ? "api/token" : query->path);
}

static int take_token(struct imds_query *query, const struct http_reply *reply,
		      struct error *err)
{
	if (strlen(reply->body) > IMDS_TOKEN_MAX_BYTES || !text_is_printable(reply->body))
		return error_set(err, EAGAIN,
				 "the metadata service gave no usable session token");
	forget_token(query->imds);
	query->imds->token = text_copy(reply->body);
	return ask_value(query, err);
}

static int take_value(struct imds_query *query, const struct http_reply *reply,
		      struct error *err)
{
	if (reply->body_length_bytes == 0)
		return error_set(err, ENODATA, "the metadata service gave an empty '%s'",
				 query->path);
	if (strlen(reply->body) != reply->body_length_bytes)
		return error_set(err, EAGAIN,
				 "the metadata service gave garbage for '%s'",
				 query->path);
	query->value = text_copy(reply->body);
	finish(query);
	return 0;
}

static int take_answer(struct imds_query *query, struct http_transfer *transfer,
		       struct error *err)
{
	const struct http_reply *reply;
	int result = http_transfer_result(transfer, &reply, err);

	if (result == -ETIMEDOUT && query->is_for_token &&
	    http_transfer_was_connected(transfer))
		return error_set(
			err, ETIMEDOUT,
			"the metadata service takes connections but gives no token: "
			"in a container, raise HttpPutResponseHopLimit to 2");
	if (result < 0)
		return error_wrap(err, "ask the metadata service for '%s'",
				  query->is_for_token ? "api/token" : query->path);
	if (reply->status == 401 && !query->is_for_token && !query->has_new_token) {
		query->has_new_token = true;
		forget_token(query->imds);
		return ask_token(query, err);
	}
	if (reply->status != 200)
		return refuse_status(query, reply);
	return query->is_for_token ? take_token(query, reply, err)
				   : take_value(query, reply, err);
}

static void on_transfer_done(struct http_transfer *transfer, void *userdata)
{
	autotransfer struct http_transfer *ended = transfer;
	struct imds_query *query = userdata;

	query->transfer = NULL;
	/*
	 * After the last statement of a success the query may be gone: do not touch it.
	 */
	if (take_answer(query, ended, &query->error) < 0)
		finish(query);
}

static int ask(struct imds_query *query, const char *method, const char *path,
	       const char *const *headers, struct error *err)
{
	autofree char *url = text_format("%s/latest/%s", query->imds->endpoint, path);
	struct http_request request = {
		.method = method,
		.url = url,
		.headers = headers,
		.connect_timeout_ms = IMDS_CONNECT_TIMEOUT_MS,
		.deadline = deadline_sooner(deadline_in(IMDS_TRY_TIMEOUT_MS),
					    query->deadline),
		.reply_max_bytes = IMDS_REPLY_MAX_BYTES,
		.bypasses_proxy = true,
	};

	return http_start(query->imds->http, &request, on_transfer_done, query,
			  &query->transfer, err);
}

static int ask_token(struct imds_query *query, struct error *err)
{
	const char *const headers[] = { IMDS_TOKEN_TTL, NULL };

	query->is_for_token = true;
	return ask(query, "PUT", "api/token", headers, err);
}

static int ask_value(struct imds_query *query, struct error *err)
{
	autofree char *token =
		text_format("X-aws-ec2-metadata-token: %s", query->imds->token);
	const char *const headers[] = { token, NULL };
	int result;

	query->is_for_token = false;
	result = ask(query, NULL, query->path, headers, err);
	explicit_bzero(token, strlen(token));
	return result;
}

int imds_start(struct imds *imds, const char *path, struct deadline deadline,
	       struct imds_query **ret_query, struct error *err)
{
	struct imds_query *query = memory_new(1, sizeof(*query));
	int result;

	query->imds = imds;
	query->path = text_copy(path);
	query->deadline = deadline;
	result = imds->token ? ask_value(query, err) : ask_token(query, err);
	if (result < 0) {
		imds_query_free(query);
		return result;
	}
	*ret_query = query;
	return 0;
}

void imds_query_free(struct imds_query *query)
{
	if (!query)
		return;
	http_transfer_free(query->transfer);
	/* The value may be a role's credentials. */
	if (query->value)
		explicit_bzero(query->value, strlen(query->value));
	free(query->value);
	free(query->path);
	free(query);
}

void imds_query_on_done(struct imds_query *query,
			void (*on_done)(struct imds_query *query, void *userdata),
			void *userdata)
{
	query->on_done = on_done;
	query->userdata = userdata;
}

bool imds_query_is_done(const void *query)
{
	return ((const struct imds_query *)query)->is_done;
}

int imds_query_result(const struct imds_query *query, const char **ret_text,
		      struct error *err)
{
	if (!query->value) {
		*err = query->error;
		return err->code;
	}
	*ret_text = query->value;
	return 0;
}

int64_t imds_query_retry_after_ms(const struct imds_query *query)
{
	return query->retry_after_ms;
}

bool imds_error_is_transient(int code)
{
	return code != -ENOENT && code != -EACCES && code != -ECANCELED && code != -ETIME;
}
