/* SPDX-License-Identifier: MIT */
#ifndef TESTS_NET_CANNED_H
#define TESTS_NET_CANNED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* One answer of a server that knows its lines by heart; the first that fits is given. */
struct canned_reply {
	const char *request; /* what the request begins with, "GET /x"; NULL: any */
	int times;           /* how often it may be given; 0: always */
	int status;
	const char *headers; /* whole lines with \r\n; NULL: none */
	const char *body;
	size_t body_length_bytes; /* 0: the body is a text */
	bool is_silent;           /* takes the request and never answers */
	bool is_cut;              /* says more is coming and closes */
};

struct canned_log;

/* A forked server on a port of 127.0.0.1; it keeps its connections open. */
struct canned {
	pid_t pid;
	int port;
	char url[64]; /* "http://127.0.0.1:PORT" */
	struct canned_log *log;
};

/* Starts it; the replies (the last with status 0 and not silent) are copied by fork. */
int canned_start(struct canned *canned, const struct canned_reply *replies);
void canned_stop(struct canned *canned);

/* All requests so far, heads and bodies; borrowed until canned_stop(). */
const char *canned_requests(const struct canned *canned);

/* How many requests so far began with that. */
int canned_count(const struct canned *canned, const char *request);

#endif
