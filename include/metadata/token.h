/* SPDX-License-Identifier: MIT */
#ifndef METADATA_TOKEN_H
#define METADATA_TOKEN_H

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct imds;

#define TOKEN_MAX_BYTES 1024

/*
 * Whether a reply's body, a NUL behind it, may be a session token: it goes into a header.
 */
bool token_is_usable(const char *body, size_t length_bytes);

/* A session token being fetched. */
struct token_fetch;

/* Makes one; on_done is called once from the loop and may free it. */
struct token_fetch *token_fetch_new(struct imds *imds, struct deadline deadline,
				    void (*on_done)(void *userdata), void *userdata)
	__attribute__((returns_nonnull));

/*
 * Asks for a session token and returns at once. Where there are two endpoints the second
 * is asked 175 ms after the first, or as soon as that one has failed; the first that
 * gives a token is kept (facts I9). A refusal decides unless the other one is connected.
 */
int token_fetch_start(struct token_fetch *fetch, struct error *err)
	__attribute__((warn_unused_result));

void token_fetch_free(struct token_fetch *fetch);

/*
 * 0: imds->token is set. -EACCES: metadata is off (403). -EBUSY: throttled; else as
 * imds_query_result(). *ret_retry_after_ms is the server's, or 0, and always set.
 */
int token_fetch_result(const struct token_fetch *fetch, int64_t *ret_retry_after_ms,
		       struct error *err) __attribute__((warn_unused_result));

#endif
