/* SPDX-License-Identifier: MIT */
#include "metadata/imds.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "metadata/token.h"
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

struct imds_query {
	struct imds *imds;
	char *path;
	struct deadline deadline;
	size_t max_bytes;
	bool is_binary, has_new_token, is_done;
	struct token_fetch *token_fetch;
	struct http_transfer *transfer;
	int64_t retry_after_ms;
	char *value;
	size_t value_length_bytes;
	struct error error;
	void (*on_done)(struct imds_query *query, void *userdata);
	void *userdata;
};

const struct retry_rule imds_rules[] = {
	{ -ENOENT, RETRY_PERMANENT },     { -EACCES, RETRY_PERMANENT },
	{ -ECANCELED, RETRY_PERMANENT },  { -ETIME, RETRY_PERMANENT },
	{ -EOPNOTSUPP, RETRY_PERMANENT }, { -EINVAL, RETRY_PERMANENT },
	{ -EBUSY, RETRY_THROTTLED },      { 0, RETRY_TRANSIENT },
};

static int ask_value(struct imds_query *query, struct error *err);

int imds_init(struct imds *imds, struct loop *loop, struct http *http, struct error *err)
{
	*imds = (struct imds){ .loop = loop,
			       .http = http,
			       .is_disabled = endpoints_are_disabled() };
	if (imds->is_disabled)
		return 0;
	return endpoints_init(&imds->endpoints, err);
}

static void forget_token(struct imds *imds)
{
	if (imds->token)
		explicit_bzero(imds->token, strlen(imds->token));
	free(imds->token);
	imds->token = NULL;
}

void imds_set_token(struct imds *imds, const char *token)
{
	forget_token(imds);
	imds->token = text_copy(token);
}

void imds_done(struct imds *imds)
{
	forget_token(imds);
	endpoints_done(&imds->endpoints);
	*imds = (struct imds){ 0 };
}

static void finish(struct imds_query *query)
{
	query->is_done = true;
	if (query->on_done)
		query->on_done(query, query->userdata);
}

int imds_refuse_status(long status, const char *path, struct error *err)
{
	return error_set(err, status == 503 || status == 429 ? EBUSY : EAGAIN,
			 "the metadata service answered %ld for '%s'", status, path);
}

static int take_value(struct imds_query *query, const struct http_reply *reply,
		      struct error *err)
{
	size_t length_bytes = reply->body_length_bytes;

	if (length_bytes == 0)
		return error_set(err, ENODATA, "the metadata service gave an empty '%s'",
				 query->path);
	if (!query->is_binary && strlen(reply->body) != length_bytes)
		return error_set(err, EAGAIN,
				 "the metadata service gave garbage for '%s'",
				 query->path);
	query->value = memory_new(length_bytes + 1, 1);
	memcpy(query->value, reply->body, length_bytes);
	query->value_length_bytes = length_bytes;
	finish(query);
	return 0;
}

static void on_token(void *userdata)
{
	struct imds_query *query = userdata;
	int result = token_fetch_result(query->token_fetch, &query->retry_after_ms,
					&query->error);

	token_fetch_free(TAKE(query->token_fetch));
	if (result == 0)
		result = ask_value(query, &query->error);
	if (result < 0)
		finish(query);
}

static int ask_token(struct imds_query *query, struct error *err)
{
	query->token_fetch =
		token_fetch_new(query->imds, query->deadline, on_token, query);
	return token_fetch_start(query->token_fetch, err);
}

static int take_answer(struct imds_query *query, struct http_transfer *transfer,
		       struct error *err)
{
	const struct http_reply *reply;
	int result = http_transfer_result(transfer, &reply, err);

	if (result < 0)
		return error_wrap(err, "ask the metadata service for '%s'", query->path);
	if (reply->status == 401 && !query->has_new_token) {
		query->has_new_token = true;
		forget_token(query->imds);
		return ask_token(query, err);
	}
	if (reply->status == 200)
		return take_value(query, reply, err);
	query->retry_after_ms = reply->retry_after_ms;
	if (reply->status == 404)
		return error_set(err, ENOENT, "the metadata service has no '%s'",
				 query->path);
	/* Not switched off: there was a token. */
	if (reply->status == 403)
		return error_set(err, EPERM, "the metadata service refuses '%s' (403)",
				 query->path);
	return imds_refuse_status(reply->status, query->path, err);
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

static int ask_value(struct imds_query *query, struct error *err)
{
	struct imds *imds = query->imds;
	autofree char *url =
		text_format("%s/latest/%s", imds->endpoints.urls[0], query->path);
	autofree char *token = text_format("X-aws-ec2-metadata-token: %s", imds->token);
	const char *const headers[] = { token, NULL };
	const struct http_request request = {
		.url = url,
		.headers = headers,
		.connect_timeout_ms = IMDS_CONNECT_TIMEOUT_MS,
		.deadline = deadline_sooner(deadline_in(IMDS_TRY_TIMEOUT_MS),
					    query->deadline),
		.reply_max_bytes = query->max_bytes,
		.bypasses_proxy = true,
	};
	int result = http_start(imds->http, &request, on_transfer_done, query,
				&query->transfer, err);

	explicit_bzero(token, strlen(token));
	return result;
}

int imds_start(struct imds *imds, const struct imds_request *request,
	       struct imds_query **ret_query, struct error *err)
{
	struct imds_query *query;
	int result;

	if (imds->is_disabled)
		return error_set(err, EOPNOTSUPP,
				 "AWS_EC2_METADATA_DISABLED is true: the metadata "
				 "service is not asked for '%s'",
				 request->path);
	query = memory_new(1, sizeof(*query));
	query->imds = imds;
	query->path = text_copy(request->path);
	query->deadline = request->deadline;
	query->max_bytes = request->max_bytes ? request->max_bytes : IMDS_REPLY_MAX_BYTES;
	query->is_binary = request->is_binary;
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
	token_fetch_free(query->token_fetch);
	http_transfer_free(query->transfer);
	/* The value may be a role's credentials. */
	if (query->value)
		explicit_bzero(query->value, query->value_length_bytes);
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

size_t imds_query_length_bytes(const struct imds_query *query)
{
	return query->value_length_bytes;
}

int64_t imds_query_retry_after_ms(const struct imds_query *query)
{
	return query->retry_after_ms;
}
