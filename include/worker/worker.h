/* SPDX-License-Identifier: MIT */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "base/clock.h"

#include <stdint.h>

struct error;
struct identity;
struct json_object;
struct loop;

/* What every call of a worker has in common. */
struct worker_context {
	struct loop *loop;
	int lock_fd; /* the run's lock, held by the worker while it lives; -1: none */
	/* Told of each progress line while it is borrowed; NULL: not wanted. */
	void (*on_progress)(const struct json_object *progress, void *userdata);
	void *userdata;
};

/* One thing to be done by a helper executable. */
struct worker_task {
	const char *helper;              /* "bootagent-tree" */
	const struct identity *identity; /* who does it */
	const char *home;                /* HOME of the helper; NULL: "/" */
	struct json_object *request;     /* borrowed */
	int64_t idle_timeout_ms;         /* no line for so long: it hangs */
	struct deadline deadline;        /* of the whole task */
};

/*
 * Runs a helper to its end: fork and exec, the request on its standard input, its lines
 * back (base/wire.h). Looked for beside the running executable, else in
 * ../libexec/bootagent from there. Waits on the loop; when it returns the helper is gone,
 * whatever happened. The caller puts *ret_result. The helper's own error is returned as
 * its code and text; -ETIMEDOUT: it took too long or fell silent; -EPROTO: it ended
 * without an answer; -ECANCELED: interrupted.
 */
int worker_perform(const struct worker_context *context, const struct worker_task *task,
		   struct json_object **ret_result, struct error *err)
	__attribute__((warn_unused_result));

#endif
