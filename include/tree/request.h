/* SPDX-License-Identifier: MIT */
#ifndef TREE_REQUEST_H
#define TREE_REQUEST_H

struct error;
struct json_object;
struct layout;

/* The most bytes of a line of revisions.log, its line end not counted. */
#define REQUEST_LINE_MAX_BYTES 4096

/* The members that several verbs take, checked; borrowed from the request. -EINVAL. */
int request_release(const struct json_object *request, const char **ret_name,
		    struct error *err) __attribute__((warn_unused_result));
int request_revision(const struct json_object *request, const char **ret_revision,
		     struct error *err) __attribute__((warn_unused_result));

/*
 * What a verb about one release of one revision needs: both names, as above, and the
 * layout, opened as layout_open() does.
 */
int request_open_release(const struct json_object *request, struct layout *layout,
			 const char **ret_name, const char **ret_revision,
			 struct error *err) __attribute__((warn_unused_result));

/*
 * The text of "line": not empty, no control characters (so it stays one line, and nothing
 * in it steers a terminal), at most REQUEST_LINE_MAX_BYTES.
 */
int request_line(const struct json_object *request, const char **ret_line,
		 struct error *err) __attribute__((warn_unused_result));

/* The array "releases", not empty and every element checked as request_release() does. */
int request_releases(const struct json_object *request, struct json_object **ret_releases,
		     struct error *err) __attribute__((warn_unused_result));

#endif
