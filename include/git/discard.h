/* SPDX-License-Identifier: MIT */
#ifndef GIT_DISCARD_H
#define GIT_DISCARD_H

#include <json-c/json.h>

struct error;

/*
 * The verb "discard": empties a mirror that was set aside, so that whoever owns the
 * directory above can remove it.
 *
 *   request  {"repository": "/abs/NAME.git.damaged"}
 *   progress {"removed_entries"}
 *
 * -EACCES: it belongs to somebody else; nothing is removed then. What is mounted, or of
 * other users, in it stays: -EXDEV, -EACCES, …
 */
int discard_perform(const struct json_object *request, struct json_object **ret_result,
		    struct error *err) __attribute__((warn_unused_result));

#endif
