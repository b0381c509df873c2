/* SPDX-License-Identifier: MIT */
#include "metadata/token.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "loop/loop.h"
#include "metadata/imds.h"
#include "net/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * The session token of IMDSv2, and with it the question at which address the service is.
 * An IPv6-only subnet has no route to the IPv4 address, others drop what goes to the
 * other one: neither is waited for. Every answer decides, a refusal too: a service that
 * says 403 or 503 is there. But whoever is connected to the other address may hear better
 * there.
 */

#define STAGGER_MS 175
#define TOKEN_PATH "/latest/api/token"
#define TOKEN_TTL "X-aws-ec2-metadata-token-ttl-seconds: 21600"

struct runner {
	struct token_fetch *fetch;
	struct http_transfer *transfer;
	bool has_started, has_failed, has_refused;
	struct error error;
};

struct token_fetch {
	struct imds *imds;
	struct deadline deadline;
	char *urls[ENDPOINTS_MAX]; /* as they were at the start; another race may end */
	struct runner runners[ENDPOINTS_MAX];
	size_t count;
	sd_event_source *timer;
	bool has_token;
	int64_t retry_after_ms;
	struct error error;
	void (*on_done)(void *userdata);
	void *userdata;
};

static void start_next(struct token_fetch *fetch);

static void stop(struct token_fetch *fetch)
{
	fetch->timer = sd_event_source_disable_unref(fetch->timer);
	for (size_t i = 0; i < fetch->count; i++) {
		http_transfer_free(fetch->runners[i].transfer);
		fetch->runners[i].transfer = NULL;
	}
}

static void finish(struct token_fetch *fetch)
{
	stop(fetch);
	fetch->on_done(fetch->userdata);
}

bool token_is_usable(const char *body, size_t length_bytes)
{
	return length_bytes <= TOKEN_MAX_BYTES && strlen(body) == length_bytes &&
		text_is_printable(body);
}

static int judge(struct token_fetch *fetch, const struct http_reply *reply,
		 struct error *err)
{
	if (reply->retry_after_ms > fetch->retry_after_ms)
		fetch->retry_after_ms = reply->retry_after_ms;
	/* Facts I6. */
	if (reply->status == 403)
		return error_set(
			err, EACCES,
			"the metadata service refuses (403): it is switched off for "
			"this instance; set HttpEndpoint to enabled");
	if (reply->status != 200)
		return imds_refuse_status(reply->status, "api/token", err);
	if (!token_is_usable(reply->body, reply->body_length_bytes))
		return error_set(err, EAGAIN,
				 "the metadata service gave no usable session token");
	imds_set_token(fetch->imds, reply->body);
	fetch->has_token = true;
	return 0;
}

/* Neither address gave a token: a refusal counts for more, else one sentence for both. */
static int lose(struct token_fetch *fetch)
{
	const struct runner *runners = fetch->runners;
	char *const *urls = fetch->urls;

	for (size_t i = 0; i < fetch->count; i++)
		if (fetch->count == 1 || runners[i].has_refused) {
			fetch->error = runners[i].error;
			return fetch->error.code;
		}
	for (size_t i = 0; i < fetch->count; i++)
		if (runners[i].error.code == -ETIMEDOUT &&
		    strstr(runners[i].error.text, "HopLimit")) {
			fetch->error = runners[i].error;
			return fetch->error.code;
		}
	return error_set(&fetch->error, runners[0].error.code,
			 "no metadata service at %s (%.120s) nor at %s (%.120s)", urls[0],
			 runners[0].error.text, urls[1], runners[1].error.text);
}

static void fail(struct runner *runner)
{
	struct token_fetch *fetch = runner->fetch;
	bool is_lost = true;

	runner->has_failed = true;
	for (size_t i = 0; i < fetch->count; i++)
		is_lost = is_lost && fetch->runners[i].has_failed;
	if (!is_lost) {
		start_next(fetch);
		return;
	}
	(void)lose(fetch);
	finish(fetch);
}

static int explain(const struct runner *runner, const struct http_transfer *transfer,
		   int result, struct error *err)
{
	if (result == -ETIMEDOUT && http_transfer_was_connected(transfer))
		return error_set(err, ETIMEDOUT,
				 "the metadata service takes connections but gives no "
				 "token: in a container, raise HttpPutResponseHopLimit "
				 "to 2");
	if (runner->fetch->count > 1)
		return result;
	return error_wrap(err, "ask the metadata service for 'api/token'");
}

/* Whether an answer of the other address is on its way. */
static bool is_any_connected(const struct token_fetch *fetch)
{
	for (size_t i = 0; i < fetch->count; i++) {
		const struct runner *runner = &fetch->runners[i];

		if (runner->transfer && !runner->has_failed &&
		    http_transfer_was_connected(runner->transfer))
			return true;
	}
	return false;
}

static void on_transfer_done(struct http_transfer *transfer, void *userdata)
{
	struct runner *runner = userdata;
	struct token_fetch *fetch = runner->fetch;
	const struct http_reply *reply = NULL;
	int result = http_transfer_result(transfer, &reply, &runner->error);

	if (result < 0) {
		result = explain(runner, transfer, result, &runner->error);
		fail(runner);
		return;
	}
	result = judge(fetch, reply, &runner->error);
	if (result == 0)
		endpoints_keep(&fetch->imds->endpoints,
			       (size_t)(runner - fetch->runners));
	else
		runner->has_failed = runner->has_refused = true;
	if (result < 0 && is_any_connected(fetch))
		return;
	if (result < 0)
		(void)lose(fetch);
	finish(fetch);
}

static int start_runner(struct token_fetch *fetch, size_t index, struct error *err)
{
	static const char *const headers[] = { TOKEN_TTL, NULL };
	struct runner *runner = &fetch->runners[index];
	autofree char *url = text_format("%s" TOKEN_PATH, fetch->urls[index]);
	const struct http_request request = {
		.method = "PUT",
		.url = url,
		.headers = headers,
		.connect_timeout_ms = IMDS_CONNECT_TIMEOUT_MS,
		.deadline = deadline_sooner(deadline_in(IMDS_TRY_TIMEOUT_MS),
					    fetch->deadline),
		.reply_max_bytes = IMDS_REPLY_MAX_BYTES,
		.bypasses_proxy = true,
	};

	runner->fetch = fetch;
	runner->has_started = true;
	return http_start(fetch->imds->http, &request, on_transfer_done, runner,
			  &runner->transfer, err);
}

static void start_next(struct token_fetch *fetch)
{
	for (size_t i = 0; i < fetch->count; i++) {
		struct runner *runner = &fetch->runners[i];

		if (runner->has_started)
			continue;
		if (start_runner(fetch, i, &runner->error) < 0)
			fail(runner);
		return;
	}
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	start_next(userdata);
	return 0;
}

static int start_timer(struct token_fetch *fetch, struct error *err)
{
	uint64_t at_us = (uint64_t)(clock_monotonic_ms() + STAGGER_MS) * 1000;
	/* Accuracy 0 would mean 250 ms. */
	int result = sd_event_add_time(fetch->imds->loop->event, &fetch->timer,
				       CLOCK_MONOTONIC, at_us, 1, on_time, fetch);

	return result < 0 ? error_set(err, result, "set a timer: %s", strerror(-result))
			  : 0;
}

struct token_fetch *token_fetch_new(struct imds *imds, struct deadline deadline,
				    void (*on_done)(void *userdata), void *userdata)
{
	struct token_fetch *fetch = memory_new(1, sizeof(*fetch));

	fetch->imds = imds;
	fetch->deadline = deadline;
	fetch->count = imds->endpoints.count;
	for (size_t i = 0; i < fetch->count; i++)
		fetch->urls[i] = text_copy(imds->endpoints.urls[i]);
	fetch->on_done = on_done;
	fetch->userdata = userdata;
	return fetch;
}

int token_fetch_start(struct token_fetch *fetch, struct error *err)
{
	int result = start_runner(fetch, 0, err);

	if (result == 0 && fetch->count > 1)
		result = start_timer(fetch, err);
	return result;
}

void token_fetch_free(struct token_fetch *fetch)
{
	if (!fetch)
		return;
	stop(fetch);
	for (size_t i = 0; i < fetch->count; i++)
		free(fetch->urls[i]);
	free(fetch);
}

int token_fetch_result(const struct token_fetch *fetch, int64_t *ret_retry_after_ms,
		       struct error *err)
{
	*ret_retry_after_ms = fetch->retry_after_ms;
	if (fetch->has_token)
		return 0;
	*err = fetch->error;
	return err->code;
}
