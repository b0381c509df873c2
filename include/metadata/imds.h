/* SPDX-License-Identifier: MIT */
#ifndef METADATA_IMDS_H
#define METADATA_IMDS_H

#include "base/clock.h"
#include "metadata/endpoint.h"
#include "net/retry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct http;
struct loop;

#define IMDS_CONNECT_TIMEOUT_MS 2000
#define IMDS_TRY_TIMEOUT_MS 5000
#define IMDS_REPLY_MAX_BYTES 65536

/* The instance metadata service, version 2 only (facts I8). */
struct imds {
	struct loop *loop;
	struct http *http;
	struct endpoints endpoints; /* one is left once it has answered */
	char *token;      /* the session token once fetched; a secret, never logged */
	bool is_disabled; /* by AWS_EC2_METADATA_DISABLED: nothing is ever asked */
	struct retry_listener listener; /* of what waits for the service */
};

/* One value being asked for. */
struct imds_query;

struct imds_request {
	const char *path; /* below /latest/; borrowed until the query has started */
	struct deadline deadline;
	size_t max_bytes; /* of the value; 0: 64 KiB */
	bool is_binary;   /* bytes are taken as they come; else a NUL is garbage */
};

/* Which of a query's errors are worth another try. */
extern const struct retry_rule imds_rules[];

/*
 * Reads the endpoint from the environment; asks nothing. -EINVAL: a variable is wrong.
 * imds_done() takes a zeroed one, and one whose initialisation failed.
 */
int imds_init(struct imds *imds, struct loop *loop, struct http *http, struct error *err)
	__attribute__((warn_unused_result));
void imds_done(struct imds *imds);

/*
 * Starts one GET and returns at once; fetches the session token first where there is
 * none, and once anew after a 401 (facts I5). End it with imds_query_free(), at any time.
 * -EOPNOTSUPP: the service is disabled.
 */
int imds_start(struct imds *imds, const struct imds_request *request,
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
 * (no token: 403). -EPERM: this value is refused (403). -EBUSY: throttled (503). -EAGAIN:
 * refused or a server error. -ENODATA: an empty answer, which is never a value (facts
 * I3). Else what http_transfer_result() says.
 */
int imds_query_result(const struct imds_query *query, const char **ret_text,
		      struct error *err) __attribute__((warn_unused_result));

/* The value's length, of one that imds_query_result() gave. */
size_t imds_query_length_bytes(const struct imds_query *query);

/* The server's Retry-After of a query that failed, 0 without one. */
int64_t imds_query_retry_after_ms(const struct imds_query *query);

/* For token.c: the error of any other status than 200, and the token that was given. */
int imds_refuse_status(long status, const char *path, struct error *err)
	__attribute__((warn_unused_result));
void imds_set_token(struct imds *imds, const char *token);

#endif
