/* SPDX-License-Identifier: MIT */
#ifndef AWS_REPLY_H
#define AWS_REPLY_H

#include "aws/xml.h"

#include <stddef.h>

struct aws_service;
struct error;
struct json_object;

/* A reply, read. In one of the two forms, by the service's protocol. */
struct aws_reply {
	struct xml xml;
	struct json_object *document; /* an object, or NULL; may hold secrets */
	char *code;                   /* AWS's error code; NULL: none */
	char *message; /* what AWS says to it, but not what it quotes of us; or NULL */
};

/*
 * Reads a reply's body, which a NUL follows, whatever it holds. 0: it is what an
 * answer with status 200 must be. Otherwise the code of aws_call_result() or
 * aws_call_json() and AWS's own words. In any case the caller ends it with
 * aws_reply_done().
 */
int aws_reply_read(struct aws_reply *reply, const struct aws_service *service,
		   long status, const char *body, size_t length_bytes, struct error *err)
	__attribute__((warn_unused_result));

/* Frees it, and wipes what may be a secret. Harmless on a zeroed one, and again. */
void aws_reply_done(struct aws_reply *reply);

#endif
