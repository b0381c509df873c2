/* SPDX-License-Identifier: MIT */
#ifndef WORKER_CONVERSATION_H
#define WORKER_CONVERSATION_H

#include "base/clock.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

struct json_object;
struct worker_context;

#define CONVERSATION_DIAGNOSTICS_MAX_BYTES 256

/* The supervisor's end of the talk with one worker (base/wire.h). */
struct conversation {
	const struct worker_context *context;
	int request_fd, reply_fd, diagnostics_fd;
	sd_event_source *sources[3];
	char *request;
	size_t request_length_bytes, request_sent_bytes;
	char *line;
	size_t line_length_bytes;
	int64_t last_line_at_ms;
	struct json_object *result; /* said, or NULL */
	bool has_error, is_over, is_garbled;
	struct error error;
	char diagnostics[CONVERSATION_DIAGNOSTICS_MAX_BYTES]; /* how its stderr began */
};

/*
 * Begins: the request goes out, lines come in, all on the loop. Takes the request, which
 * may hold secrets and is wiped at the end, and the three descriptors (request, reply,
 * diagnostics), also when it fails.
 */
int conversation_init(struct conversation *talk, const struct worker_context *context,
		      char *request, const int fds[static 3], struct error *err)
	__attribute__((warn_unused_result));

/*
 * Takes what the worker wrote, in pieces as they come; -EPROTO: not what base/wire.h
 * says.
 */
int conversation_take(struct conversation *talk, const char *data, size_t length_bytes)
	__attribute__((warn_unused_result));

/*
 * Waits until the worker closed its reply. -ETIMEDOUT: no line for idle_timeout_ms, or
 * the deadline passed. -EPROTO: what it said is not what base/wire.h says. -ECANCELED.
 */
int conversation_wait(struct conversation *talk, int64_t idle_timeout_ms,
		      struct deadline deadline, struct error *err)
	__attribute__((warn_unused_result));

/* Reads what is left of the diagnostics once the worker has ended; does not wait. */
void conversation_drain(struct conversation *talk);

void conversation_done(struct conversation *talk);

#endif
