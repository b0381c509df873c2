/* SPDX-License-Identifier: MIT */
#ifndef READY_ANSWER_H
#define READY_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

struct error;
struct http_reply;
struct http_transfer;
struct secrets;

/* What was asked, and what an answer must be like. All of it is borrowed. */
struct answer_wanted {
	const char *url;
	const char *host;            /* of the Host header; NULL: the URL's own */
	const char *revision_header; /* NULL: the answer need not name its revision */
	const char *revision;
	const struct secrets *secrets; /* to be blanked in what is quoted; NULL: none */
	int64_t status;
	int64_t timeout_ms; /* that the answer had */
};

/*
 * 0 if the answer is the wanted one; else its sentence says what came instead and, where
 * that is known, what to set. -EPROTO: another status, or no revision; -ESTALE: another
 * revision.
 */
int answer_judge(const struct answer_wanted *wanted, const struct http_transfer *transfer,
		 const struct http_reply *reply, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Says in a user's words why there was no answer; err is what http_transfer_result() has
 * set, whose code stays and is returned.
 */
int answer_explain(const struct answer_wanted *wanted,
		   const struct http_transfer *transfer, struct error *err)
	__attribute__((warn_unused_result));

#define ANSWER_QUOTE_MAX_BYTES 200

/*
 * What a page is called, or else the first line of its text: printable, at most so many
 * bytes, "" where there is none. Changes the body, in which the line lies.
 */
char *answer_quote(char *body, bool is_html) __attribute__((returns_nonnull));

#endif
