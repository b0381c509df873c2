/* SPDX-License-Identifier: MIT */
#ifndef AWS_AWS_H
#define AWS_AWS_H

#include "aws/credentials.h"
#include "aws/keys.h"
#include "aws/xml.h"
#include "net/retry.h"

struct error;
struct http;
struct imds;
struct json_object;
struct loop;

/* The door to AWS of one instance. */
struct aws {
	struct http *http;
	struct loop *loop;
	struct credentials credentials;
	struct keys keys;
	char *region;
	char *domain;
	struct retry_listener listener; /* of what a call waits for */
};

/*
 * A service: how it is named in signatures, hosts and variables, and how it is spoken to.
 */
struct aws_service {
	const char *signing_name; /* "autoscaling" */
	const char *variable;     /* "AWS_ENDPOINT_URL_AUTO_SCALING" */
	/* Of the query protocol, "2011-01-01". */
	const char *api_version;
	/* Of the JSON protocol 1.1, "AmazonSSM"; NULL: the query protocol. */
	const char *target_prefix;
};

/* What is called, and with what; borrowed until the call has started. */
struct aws_request {
	const struct aws_service *service; /* for as long as the call lives */
	const char *action;
	/* Of the query protocol; ends with a NULL name. */
	const struct aws_parameter *parameters;
	/*
	 * Called once from the loop when the call is done, never when it could not even
	 * start; NULL: nobody is told. It may start calls and free others, not this one.
	 */
	void (*on_done)(void *userdata);
	void *userdata;
	struct json_object *body; /* of the JSON protocol; no secret. NULL: empty */
};

struct aws_parameter {
	const char *name;
	const char *value;
};

/* One call under way. */
struct aws_call;

/* Which of a call's errors are worth another try. */
extern const struct retry_rule aws_rules[];

void aws_init(struct aws *aws, struct loop *loop, struct http *http, struct imds *imds);
void aws_done(struct aws *aws);

/*
 * Sets where to call: the region of the identity document and the partition's domain
 * (facts A4), or what AWS_REGION names in its place (I11).
 */
void aws_set_region(struct aws *aws, const char *region, const char *domain);

/*
 * Starts a signed call, fetching credentials first where there are none, and returns at
 * once. Several calls may be under way at a time: those that need credentials wait for
 * the same fetch. Credentials that AWS calls expired are fetched anew, once; a clock that
 * is off is waited for until the deadline. End it with aws_call_free(), at any time but
 * from its own on_done, and before aws_done(). -EINVAL: a variable of AWS is unusable.
 */
int aws_start(struct aws *aws, const struct aws_request *request,
	      struct deadline deadline, struct aws_call **ret_call, struct error *err)
	__attribute__((warn_unused_result));

void aws_call_free(struct aws_call *call);

/*
 * Waits until the call has ended, by its own deadline at the latest. -ECANCELED:
 * interrupted; the call's own failure is told by aws_call_result().
 */
int aws_call_wait(struct aws_call *call, struct error *err)
	__attribute__((warn_unused_result));

/*
 * The parsed reply of the query protocol, borrowed until the call is freed. -EINVAL:
 * AWS's ValidationError; -EACCES: not allowed or wrongly signed; -EKEYEXPIRED: AWS takes
 * neither these keys nor new ones; -EBUSY: throttled; -EAGAIN: a server's error; -ESTALE:
 * the clock is off; -EPROTO: an answer that is not of AWS; else what credentials or
 * transport say. The text carries AWS's own code and message.
 */
int aws_call_result(const struct aws_call *call, const struct xml **ret_xml,
		    struct error *err) __attribute__((warn_unused_result));

/*
 * The same for the JSON protocol; the reply is an object, and wiped when the call is
 * freed: it may hold secrets. Errors as above; -ENOENT: ParameterNotFound or
 * ResourceNotFoundException.
 */
int aws_call_json(const struct aws_call *call, struct json_object **ret_reply,
		  struct error *err) __attribute__((warn_unused_result));

/* The server's Retry-After of a call that failed, 0 without one. */
int64_t aws_call_retry_after_ms(const struct aws_call *call);

#endif
