/* SPDX-License-Identifier: MIT */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct loop;

/*
 * libcurl's multi interface on the event loop; opaque. Connections are kept and reused.
 */
struct http;

/* What is to be asked. Everything is borrowed until the transfer has started. */
struct http_request {
	const char *method; /* NULL: GET, or POST with a body */
	const char *url;
	const char *const *headers; /* "name: value", ends with NULL; NULL: none */
	const char *body;           /* NULL: none */
	size_t body_length_bytes;
	int64_t connect_timeout_ms;
	struct deadline deadline;
	size_t reply_max_bytes;
	bool bypasses_proxy; /* the instance metadata must never pass one (facts I10) */
	const char *sigv4;   /* "aws:amz:REGION:SERVICE"; NULL: not signed */
	const char *access_key; /* with sigv4 */
	const char *secret_key;
	const char *wanted_header; /* a reply header to keep; NULL: none */
};

struct http_reply {
	long status;
	char *body; /* NUL-terminated, the transfer's */
	size_t body_length_bytes;
	char *header;           /* the wanted one's value, or NULL */
	int64_t retry_after_ms; /* 0: not given */
};

/* One request under way. */
struct http_transfer;

/* Makes the client; the loop must outlive it. */
int http_new(struct loop *loop, struct http **ret_http, struct error *err)
	__attribute__((warn_unused_result));

/* Ends every transfer and frees the client. Takes NULL. */
void http_free(struct http *http);

/*
 * Starts a request and returns at once; `on_done` (may be NULL) is called from the loop
 * when it has ended. Redirects are never followed. The caller ends it with
 * http_transfer_free(), which may be called at any time, also from on_done.
 */
int http_start(struct http *http, const struct http_request *request,
	       void (*on_done)(struct http_transfer *transfer, void *userdata),
	       void *userdata, struct http_transfer **ret_transfer, struct error *err)
	__attribute__((warn_unused_result));

void http_transfer_free(struct http_transfer *transfer);

/* For loop_wait(): whether the transfer (const struct http_transfer *) has ended. */
bool http_transfer_is_done(const void *transfer);

/*
 * What became of it: 0 and the reply (whatever its status), borrowed until the transfer
 * is freed. Otherwise -ETIMEDOUT, -ECONNREFUSED, -EHOSTUNREACH, -EFBIG (reply too large),
 * -EINVAL (no URL of http or https) or -EIO with libcurl's reason.
 */
int http_transfer_result(const struct http_transfer *transfer,
			 const struct http_reply **ret_reply, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Whether the TCP connection had been made when it failed: a metadata token that times
 * out on an open connection points to the hop limit (facts I7).
 */
bool http_transfer_was_connected(const struct http_transfer *transfer);

/* Whether the server's certificate was not trusted. */
bool http_transfer_has_distrusted(const struct http_transfer *transfer);

/*
 * A header of the answer, and where a redirect leads as an absolute URL; borrowed until
 * the transfer is freed. NULL: there is none.
 */
const char *http_transfer_header(const struct http_transfer *transfer, const char *name);
const char *http_transfer_redirect(const struct http_transfer *transfer);

/* Whether a request to this URL could start: host and port are sound. Asks nobody. */
bool http_takes_url(const char *url);

/* "HOST", NULL if it is no URL, and "HOST:PORT" of a URL. The caller frees it. */
char *http_host_of(const char *url);
char *http_place_of(const char *url);

/* http_start() and loop_wait() in one. The caller frees *ret_transfer, set on success. */
int http_perform(struct http *http, const struct http_request *request,
		 struct http_transfer **ret_transfer, struct error *err)
	__attribute__((warn_unused_result));

static inline void http_transfer_free_pointer(struct http_transfer **transfer)
{
	http_transfer_free(*transfer);
}

#define autotransfer __attribute__((cleanup(http_transfer_free_pointer)))

#endif
