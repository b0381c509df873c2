/* SPDX-License-Identifier: MIT */
#include "tree/request.h"

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "base/wire.h"
#include "tree/layout.h"

#include <errno.h>
#include <string.h>

/*
 * The requests' members. The supervisor is trusted, but it hands on what people and
 * servers said; a name reaches a path and a revision a file only through here.
 */

static int check_release(const char *name, struct error *err)
{
	if (text_is_name(name))
		return 0;
	return error_set(
		err, EINVAL,
		"'%s' cannot be a release's name: use letters, digits, '.', '_' and '-', "
		"at most %d of them",
		name, NAME_MAX_BYTES);
}

int request_release(const struct json_object *request, const char **ret_name,
		    struct error *err)
{
	const char *name = NULL;
	int result = wire_require_string(request, "release", &name, err);

	if (result == 0)
		result = check_release(name, err);
	if (result == 0)
		*ret_name = name;
	return result;
}

int request_revision(const struct json_object *request, const char **ret_revision,
		     struct error *err)
{
	const char *revision = NULL;
	int result = wire_require_string(request, "revision", &revision, err);

	if (result < 0)
		return result;
	if (!text_is_revision(revision))
		return error_set(
			err, EINVAL,
			"'%s' is not a revision: give the commit's full id, 40 or 64 "
			"lower-case hexadecimal digits",
			revision);
	*ret_revision = revision;
	return 0;
}

int request_open_release(const struct json_object *request, struct layout *layout,
			 const char **ret_name, const char **ret_revision,
			 struct error *err)
{
	int result = request_release(request, ret_name, err);

	if (result == 0)
		result = request_revision(request, ret_revision, err);
	if (result == 0)
		result = layout_open(layout, request, err);
	return result;
}

/* JSON text is UTF-8: what the maker of printable text would change is a control. */
static bool has_control(const char *line)
{
	char copy[REQUEST_LINE_MAX_BYTES + 1];

	(void)stpcpy(copy, line);
	text_make_printable(copy);
	return strcmp(copy, line) != 0;
}

int request_line(const struct json_object *request, const char **ret_line,
		 struct error *err)
{
	const char *line = NULL;
	int result = wire_require_string(request, "line", &line, err);

	if (result < 0)
		return result;
	if (strlen(line) > REQUEST_LINE_MAX_BYTES)
		return error_set(
			err, EINVAL,
			"the line for revisions.log has %zu bytes: keep it within %d",
			strlen(line), REQUEST_LINE_MAX_BYTES);
	if (!*line || has_control(line))
		return error_set(
			err, EINVAL,
			"the text for revisions.log is not one line: leave out control "
			"characters and line ends");
	*ret_line = line;
	return 0;
}

/* An element's text; NULL for one that is no text or has a NUL inside. */
static const char *element_text(struct json_object *element)
{
	if (!json_object_is_type(element, json_type_string))
		return NULL;
	if (strlen(json_object_get_string(element)) !=
	    (size_t)json_object_get_string_len(element))
		return NULL;
	return json_object_get_string(element);
}

int request_releases(const struct json_object *request, struct json_object **ret_releases,
		     struct error *err)
{
	struct json_object *releases = json_member(request, "releases", json_type_array);

	if (!releases || json_object_array_length(releases) == 0)
		return error_set(
			err, EINVAL,
			"the request lacks 'releases': list the names to remove");
	for (size_t i = 0; i < json_object_array_length(releases); i++) {
		const char *name = element_text(json_object_array_get_idx(releases, i));
		int result = check_release(name ? name : "", err);

		if (result < 0)
			return result;
	}
	*ret_releases = releases;
	return 0;
}
