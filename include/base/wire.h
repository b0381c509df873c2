/* SPDX-License-Identifier: MIT */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include <json-c/json.h>

struct error;

/*
 * What a worker and the supervisor say to each other. The worker reads one JSON object
 * from standard input, up to its end of file, and answers on standard output with lines:
 *
 *   {"progress": {…}}                       any number, each shows that work goes on
 *   {"result": {…}}                         exactly one of these two, last
 *   {"error": {"code": "EIO", "message": "…"}}
 *
 * So a worker can be run by hand:  echo '{"verb": "…"}' | bootagent-tree
 */
#define WIRE_REQUEST_MAX_BYTES (1024 * 1024)
#define WIRE_LINE_MAX_BYTES (256 * 1024)

/* The descriptors of a worker; everything else is closed at its exec. */
enum wire_descriptor {
	WIRE_REQUEST_FD = 0,
	WIRE_REPLY_FD = 1,
	WIRE_DIAGNOSTICS_FD = 2,
	WIRE_LOCK_FD = 3, /* keeps the run's lock for as long as the worker lives */
};

/* Reads the request; blocks until its end of file. The caller puts *ret_request. */
int wire_read_request(struct json_object **ret_request, struct error *err)
	__attribute__((warn_unused_result));

/* Writes one line each and takes the reference to the object. -EPIPE: nobody listens. */
int wire_send_progress(struct json_object *progress) __attribute__((warn_unused_result));
int wire_send_result(struct json_object *result) __attribute__((warn_unused_result));
int wire_send_error(const struct error *err) __attribute__((warn_unused_result));

/* One thing a worker does: reads the request, sets *ret_result (or leaves it NULL). */
struct wire_verb {
	const char *name;
	int (*perform)(const struct json_object *request, struct json_object **ret_result,
		       struct error *err);
};

/*
 * The body of a worker's main(): reads the request, performs the verb that its member
 * "verb" names (the table ends with a NULL name), answers, and returns the exit status
 * (from here on the process leaves no core file and hides its memory):
 * 0 after a result, 1 after an error that was sent, 2 when not even that was possible.
 */
int wire_serve(const struct wire_verb *verbs) __attribute__((warn_unused_result));

/*
 * The request's required text member, borrowed; -EINVAL with a sentence if it is missing.
 */
int wire_require_string(const struct json_object *request, const char *key,
			const char **ret_text, struct error *err)
	__attribute__((warn_unused_result));

#endif
