/* SPDX-License-Identifier: MIT */
#include "net/http.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "loop/loop.h"
#include "net/multi.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/*
 * HTTP requests as this agent needs them: few, small, each with a deadline and a maximum
 * size, never following a redirect (a signed request must not take its session token to
 * another host: facts A5). Whether to try again is the caller's and net/retry.c's matter.
 */

/* Debian's hashed directory: loading the bundle file costs 17 ms a context. */
#define CA_DIRECTORY "/etc/ssl/certs"
#define CA_BUNDLE CA_DIRECTORY "/ca-certificates.crt"
/* What a server may ask for at most; more than any deadline of ours. */
#define RETRY_AFTER_MAX_S (24 * 60 * 60)
#define BODY_FIRST_BYTES 2048

struct http {
	struct loop *loop;
	struct multi multi;
	struct http_transfer *transfers;
};

struct http_transfer {
	struct http *http;
	struct http_transfer *next;
	CURL *easy;
	struct curl_slist *headers;
	char *wanted_header;
	char *body;
	size_t body_length_bytes, body_room_bytes, body_max_bytes;
	bool is_too_large, is_done;
	CURLcode code;
	char reason[CURL_ERROR_SIZE]; /* libcurl's own words, "" if it has none */
	struct http_reply reply;
	void (*on_done)(struct http_transfer *transfer, void *userdata);
	void *userdata;
};

static void keep_header(struct http_transfer *transfer)
{
	struct curl_header *header;

	if (!transfer->wanted_header)
		return;
	if (curl_easy_header(transfer->easy, transfer->wanted_header, 0, CURLH_HEADER, -1,
			     &header) == CURLHE_OK)
		transfer->reply.header = text_copy(header->value);
}

static void on_easy_done(CURL *easy, CURLcode code, void *userdata)
{
	struct http_transfer *transfer = NULL;
	curl_off_t retry_after_s = 0;

	(void)userdata;
	(void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
	transfer->code = code;
	transfer->is_done = true;
	(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &transfer->reply.status);
	(void)curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after_s);
	if (retry_after_s > RETRY_AFTER_MAX_S)
		retry_after_s = RETRY_AFTER_MAX_S;
	if (retry_after_s > 0)
		transfer->reply.retry_after_ms = (int64_t)retry_after_s * 1000;
	if (!transfer->body)
		transfer->body = memory_new(1, 1);
	transfer->reply.body = transfer->body;
	transfer->reply.body_length_bytes = transfer->body_length_bytes;
	keep_header(transfer);
	if (transfer->on_done)
		transfer->on_done(transfer, transfer->userdata);
}

static void drop_body(struct http_transfer *transfer)
{
	if (transfer->body)
		explicit_bzero(transfer->body, transfer->body_length_bytes);
	free(TAKE(transfer->body));
}

/* Not by realloc(): it would leave a copy of the role's keys or a secret behind. */
static void make_room(struct http_transfer *transfer, size_t wanted_bytes)
{
	size_t room_bytes = transfer->body_room_bytes;
	char *body;

	if (wanted_bytes <= room_bytes)
		return;
	room_bytes = room_bytes ? room_bytes * 2 : BODY_FIRST_BYTES;
	if (room_bytes < wanted_bytes)
		room_bytes = wanted_bytes;
	body = memory_new(room_bytes, 1);
	if (transfer->body)
		memcpy(body, transfer->body, transfer->body_length_bytes);
	drop_body(transfer);
	transfer->body = body;
	transfer->body_room_bytes = room_bytes;
}

static size_t on_data(char *data, size_t size, size_t count, void *userdata)
{
	struct http_transfer *transfer = userdata;
	size_t length_bytes = size * count, old_bytes = transfer->body_length_bytes;

	if (length_bytes > transfer->body_max_bytes - old_bytes) {
		transfer->is_too_large = true;
		return 0;
	}
	make_room(transfer, old_bytes + length_bytes + 1);
	memcpy(transfer->body + old_bytes, data, length_bytes);
	transfer->body_length_bytes += length_bytes;
	return length_bytes;
}

int http_new(struct loop *loop, struct http **ret_http, struct error *err)
{
	struct http *http = memory_new(1, sizeof(*http));
	int result;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(http);
		return error_set(err, EIO, "libcurl cannot start");
	}
	http->loop = loop;
	result = multi_init(&http->multi, loop, on_easy_done, http, err);
	if (result < 0) {
		http_free(http);
		return result;
	}
	*ret_http = http;
	return 0;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	while (http->transfers)
		http_transfer_free(http->transfers);
	multi_done(&http->multi);
	curl_global_cleanup();
	free(http);
}

static void set_signature(CURL *easy, const struct http_request *request)
{
	if (!request->sigv4)
		return;
	(void)curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, request->sigv4);
	(void)curl_easy_setopt(easy, CURLOPT_USERNAME, request->access_key);
	(void)curl_easy_setopt(easy, CURLOPT_PASSWORD, request->secret_key);
}

static void set_body(CURL *easy, const struct http_request *request)
{
	if (request->body) {
		(void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
				       (curl_off_t)request->body_length_bytes);
		(void)curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body);
	}
	if (request->method)
		(void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_trust(CURL *easy)
{
	if (access(CA_BUNDLE, R_OK) < 0)
		return;
	(void)curl_easy_setopt(easy, CURLOPT_CAPATH, CA_DIRECTORY);
	(void)curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
}

static void set_limits(CURL *easy, const struct http_request *request)
{
	int64_t left_ms = deadline_left_ms(request->deadline);

	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* Ending a transfer must not wait for its resolver thread. */
	(void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
			       left_ms > 0 ? (long)left_ms : 1L);
	(void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
			       (long)request->connect_timeout_ms);
	if (request->bypasses_proxy)
		(void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
}

static void set_headers(struct http_transfer *transfer,
			const struct http_request *request)
{
	for (const char *const *header = request->headers; header && *header; header++) {
		struct curl_slist *list = curl_slist_append(transfer->headers, *header);

		if (!list)
			abort();
		transfer->headers = list;
	}
	(void)curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
}

static struct http_transfer *new_transfer(struct http *http,
					  const struct http_request *request)
{
	struct http_transfer *transfer = memory_new(1, sizeof(*transfer));

	transfer->http = http;
	transfer->body_max_bytes = request->reply_max_bytes;
	transfer->wanted_header = text_copy(request->wanted_header);
	transfer->easy = curl_easy_init();
	if (!transfer->easy)
		abort();
	transfer->next = http->transfers;
	http->transfers = transfer;
	(void)curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
	(void)curl_easy_setopt(transfer->easy, CURLOPT_ERRORBUFFER, transfer->reason);
	(void)curl_easy_setopt(transfer->easy, CURLOPT_URL, request->url);
	(void)curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, on_data);
	(void)curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, transfer);
	if (strncmp(request->url, "https:", 6) == 0)
		set_trust(transfer->easy);
	set_limits(transfer->easy, request);
	set_headers(transfer, request);
	set_body(transfer->easy, request);
	set_signature(transfer->easy, request);
	return transfer;
}

int http_start(struct http *http, const struct http_request *request,
	       void (*on_done)(struct http_transfer *transfer, void *userdata),
	       void *userdata, struct http_transfer **ret_transfer, struct error *err)
{
	struct http_transfer *transfer = new_transfer(http, request);
	CURLMcode code;

	transfer->on_done = on_done;
	transfer->userdata = userdata;
	code = curl_multi_add_handle(http->multi.handle, transfer->easy);
	if (code != CURLM_OK) {
		http_transfer_free(transfer);
		return error_set(err, EIO, "start a request: %s",
				 curl_multi_strerror(code));
	}
	*ret_transfer = transfer;
	return 0;
}

/* One of them may be a session token. */
static void wipe_headers(struct http_transfer *transfer)
{
	for (struct curl_slist *header = transfer->headers; header; header = header->next)
		explicit_bzero(header->data, strlen(header->data));
}

void http_transfer_free(struct http_transfer *transfer)
{
	struct http_transfer **link;

	if (!transfer)
		return;
	for (link = &transfer->http->transfers; *link != transfer; link = &(*link)->next)
		;
	*link = transfer->next;
	/* Harmless for one that has ended and was taken out already. */
	(void)curl_multi_remove_handle(transfer->http->multi.handle, transfer->easy);
	curl_easy_cleanup(transfer->easy);
	wipe_headers(transfer);
	curl_slist_free_all(transfer->headers);
	free(transfer->wanted_header);
	free(transfer->reply.header);
	drop_body(transfer);
	free(transfer);
}

bool http_transfer_is_done(const void *transfer)
{
	return ((const struct http_transfer *)transfer)->is_done;
}

/* libcurl calls an answer that is no HTTP by the name of a URL that is none. */
static bool is_not_http(const struct http_transfer *transfer)
{
	const char *url = NULL;

	(void)curl_easy_getinfo(transfer->easy, CURLINFO_EFFECTIVE_URL, &url);
	return transfer->code == CURLE_UNSUPPORTED_PROTOCOL && url &&
		(strncasecmp(url, "http://", 7) == 0 ||
		 strncasecmp(url, "https://", 8) == 0);
}

static bool is_about_tls(const struct http_transfer *transfer)
{
	return transfer->code == CURLE_PEER_FAILED_VERIFICATION ||
		transfer->code == CURLE_SSL_CONNECT_ERROR;
}

/* libcurl's codes that a caller tells apart; the rest is EIO. */
static int error_of(const struct http_transfer *transfer)
{
	long number = 0;

	switch (transfer->code) {
	case CURLE_OPERATION_TIMEDOUT:
		return ETIMEDOUT;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return EHOSTUNREACH;
	case CURLE_COULDNT_CONNECT:
		(void)curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &number);
		return number ? (int)number : ECONNREFUSED;
	case CURLE_UNSUPPORTED_PROTOCOL:
		return is_not_http(transfer) ? EIO : EINVAL;
	case CURLE_URL_MALFORMAT:
		return EINVAL;
	default:
		return EIO;
	}
}

int http_transfer_result(const struct http_transfer *transfer,
			 const struct http_reply **ret_reply, struct error *err)
{
	if (transfer->is_too_large)
		return error_set(err, EFBIG, "the answer is larger than %zu bytes",
				 transfer->body_max_bytes);
	if (transfer->code != CURLE_OK) {
		int number = error_of(transfer);

		if (number == ETIMEDOUT && http_transfer_was_connected(transfer))
			return error_set(err, number,
					 "connected, but no answer came in time");
		if (is_not_http(transfer))
			return error_set(err, number, "the answer is not HTTP");
		/* "SSL peer certificate or SSH remote key was not OK" says less. */
		if (is_about_tls(transfer) && *transfer->reason)
			return error_set(err, number, "%s", transfer->reason);
		return error_set(err, number, "%s", curl_easy_strerror(transfer->code));
	}
	*ret_reply = &transfer->reply;
	return 0;
}

bool http_transfer_was_connected(const struct http_transfer *transfer)
{
	curl_off_t connect_us = 0, send_us = 0;

	(void)curl_easy_getinfo(transfer->easy, CURLINFO_CONNECT_TIME_T, &connect_us);
	/* On a connection that was kept there is no first time. */
	(void)curl_easy_getinfo(transfer->easy, CURLINFO_PRETRANSFER_TIME_T, &send_us);
	return connect_us > 0 || send_us > 0;
}

bool http_transfer_has_distrusted(const struct http_transfer *transfer)
{
	return transfer->code == CURLE_PEER_FAILED_VERIFICATION;
}

const char *http_transfer_header(const struct http_transfer *transfer, const char *name)
{
	struct curl_header *header;

	return curl_easy_header(transfer->easy, name, 0, CURLH_HEADER, -1, &header) ==
			CURLHE_OK
		? header->value
		: NULL;
}

const char *http_transfer_redirect(const struct http_transfer *transfer)
{
	const char *url = NULL;

	(void)curl_easy_getinfo(transfer->easy, CURLINFO_REDIRECT_URL, &url);
	return url;
}

int http_perform(struct http *http, const struct http_request *request,
		 struct http_transfer **ret_transfer, struct error *err)
{
	autotransfer struct http_transfer *transfer = NULL;
	/*
	 * libcurl's own timeout comes first and knows the reason; ours is the safety net.
	 */
	struct deadline net = { request->deadline.at_ms + 1000 };
	int result = http_start(http, request, NULL, NULL, &transfer, err);

	if (result < 0)
		return result;
	result = loop_wait(http->loop, http_transfer_is_done, transfer, net, err);
	if (result < 0)
		return result;
	*ret_transfer = TAKE(transfer);
	return 0;
}

static CURLU *parse_url(const char *url)
{
	CURLU *handle = curl_url();

	if (!handle)
		abort();
	if (curl_url_set(handle, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) ==
	    CURLUE_OK)
		return handle;
	curl_url_cleanup(handle);
	return NULL;
}

bool http_takes_url(const char *url)
{
	CURLU *handle = parse_url(url);

	curl_url_cleanup(handle);
	return handle != NULL;
}

static char *part_of(const char *url, CURLUPart part, unsigned int flags)
{
	CURLU *handle = parse_url(url);
	char *text = NULL, *copy = NULL;

	if (handle && curl_url_get(handle, part, &text, flags) == CURLUE_OK)
		copy = text_copy(text);
	curl_free(text);
	curl_url_cleanup(handle);
	return copy;
}

char *http_host_of(const char *url)
{
	return part_of(url, CURLUPART_HOST, 0);
}

char *http_place_of(const char *url)
{
	autofree char *host = http_host_of(url);
	autofree char *port = part_of(url, CURLUPART_PORT, CURLU_DEFAULT_PORT);

	return text_format("%s:%s", host ? host : "?", port ? port : "?");
}
