/* SPDX-License-Identifier: MIT */
#ifndef GIT_FETCH_H
#define GIT_FETCH_H

#include <json-c/json.h>

struct error;

/*
 * The verb "fetch": brings what a name means on a git host into the mirror. The name is
 * a branch, else a tag, else a commit's id, full or short (resolve.h).
 *
 *   request  {"repository": "/abs/NAME.git", "url": "https://…", "ref": "main",
 *             "token", "ssh_key", "host_keys": […] (all optional)}
 *   progress {"received_objects", "total_objects", "received_bytes"}, or {"server"}: what
 *            it says of its own work
 *   result   {"revision", "ref", "previous_revision" (null: none), "fetched",
 *             "received_objects", "received_bytes"}
 *
 * A full id that the mirror holds is not asked for. Blocks for as long as the server is
 * silent: whoever started us kills us at the deadline. Errors: those of resolve.h,
 * find.h, mirror.h, connection.h and failure.h; -EINVAL: a bad request; -EUCLEAN: the
 * mirror is damaged, and is to be made anew.
 */
int fetch_perform(const struct json_object *request, struct json_object **ret_result,
		  struct error *err) __attribute__((warn_unused_result));

/*
 * The verb "sweep": {"repository"}. Removes what a fetch that was killed left, gigabytes
 * perhaps, and does not wait for the next one with it. As the mirror's owner, under the
 * run's lock. Errors: those of mirror.h.
 */
int fetch_sweep_perform(const struct json_object *request,
			struct json_object **ret_result, struct error *err)
	__attribute__((warn_unused_result));

#endif
