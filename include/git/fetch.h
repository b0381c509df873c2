/* SPDX-License-Identifier: MIT */
#ifndef GIT_FETCH_H
#define GIT_FETCH_H

#include <json-c/json.h>

struct error;

/*
 * The verb "fetch": brings one branch of a git host into the mirror.
 *
 *   request  {"repository": "/abs/NAME.git", "url": "https://…", "ref": "main",
 *             "token", "ssh_key", "host_keys": […] (all optional)}
 *   progress {"received_objects", "total_objects", "received_bytes"}
 *   result   {"revision", "ref", "previous_revision" (null: none), "fetched",
 *             "received_objects", "received_bytes"}
 *
 * Blocks for as long as the server is silent: whoever started us kills us at the
 * deadline. Errors: those of resolve.h, mirror.h, connection.h and failure.h; -EINVAL: a
 * bad request.
 */
int fetch_perform(const struct json_object *request, struct json_object **ret_result,
		  struct error *err) __attribute__((warn_unused_result));

#endif
