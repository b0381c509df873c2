/* SPDX-License-Identifier: MIT */
#ifndef METADATA_IMDS_H
#define METADATA_IMDS_H

#include "base/clock.h"

#include <stdbool.h>

struct error;
struct http;

/* The instance metadata service, version 2 only (facts I8). */
struct imds {
	struct http *http;
	char *endpoint; /* without a slash at its end */
	char *token;    /* the session token once fetched; a secret, never logged */
};

/* One value being asked for. */
struct imds_query;

/* Reads the endpoint from AWS_EC2_METADATA_SERVICE_ENDPOINT; asks nothing. */
void imds_init(struct imds *imds, struct http *http);
void imds_done(struct imds *imds);

/*
 * Starts one GET of a path below /latest/ and returns at once; fetches the session token
 * first where there is none, and once anew after a 401 (facts I5). End it with
 * imds_query_free(), at any time.
 */
int imds_start(struct imds *imds, const char *path, struct deadline deadline,
	       struct imds_query **ret_query, struct error *err)
	__attribute__((warn_unused_result));

void imds_query_free(struct imds_query *query);

/* Has on_done called from the loop when the query has ended; it may free the query. */
void imds_query_on_done(struct imds_query *query,
			void (*on_done)(struct imds_query *query, void *userdata),
			void *userdata);

/* For loop_wait(): whether the query (const struct imds_query *) has ended. */
bool imds_query_is_done(const void *query);

/*
 * The value, borrowed until the query is freed. -ENOENT: 404. -EACCES: metadata is off
 * (403). -EAGAIN: throttled, refused or a server error. -ENODATA: an empty answer, which
 * is never a value (facts I3). Else what http_transfer_result() says.
 */
int imds_query_result(const struct imds_query *query, const char **ret_text,
		      struct error *err) __attribute__((warn_unused_result));

/* The server's Retry-After of a query that failed, 0 without one. */
int64_t imds_query_retry_after_ms(const struct imds_query *query);

/* Whether a later try at the same value can succeed. */
bool imds_error_is_transient(int code);

#endif
