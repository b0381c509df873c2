/* SPDX-License-Identifier: MIT */
#ifndef STEPS_ERRAND_H
#define STEPS_ERRAND_H

#include "base/clock.h"

struct error;
struct json_object;
struct run;

/*
 * Has bootagent-tree do one thing for a step, as the application's user and until the
 * deadline. Sets the request's verb and deploy_to; the caller keeps the request, and puts
 * *ret_reply. Errors as worker_perform().
 */
int errand_run(struct run *run, const char *verb, struct json_object *request,
	       struct deadline deadline, struct json_object **ret_reply,
	       struct error *err) __attribute__((warn_unused_result));

#endif
