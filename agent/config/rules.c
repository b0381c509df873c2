/* SPDX-License-Identifier: MIT */
#include "config/rules.h"

#include "base/json.h"
#include "base/text.h"
#include "config/complaints.h"
#include "config/keys.h"
#include "config/origin.h"
#include "config/output_rules.h"
#include "config/repository.h"
#include "config/shape.h"

#include <string.h>
#include <strings.h>

/*
 * Rules that the key table cannot hold, because they speak of more than one key. Better
 * told with file and line before anything is done than by git in the middle of a launch.
 */

#define LINKS_MAX 200 /* as bootagent-tree takes them */

static bool is_set(struct json_object *value)
{
	return value &&
		(!json_object_is_type(value, json_type_array) ||
		 json_object_array_length(value) > 0);
}

static void refuse_key(struct complaints *complaints, struct json_object *document,
		       const char *name, const char *sentence)
{
	struct json_object *value = key_value(document, name);

	if (is_set(value))
		complaints_add(complaints, origin_of(value), "'%s': %s", name, sentence);
}

static void want_key(struct complaints *complaints, struct json_object *document,
		     const char *name, const char *sentence)
{
	struct json_object *address = key_value(document, "source.repo_url");

	if (!is_set(key_value(document, name)))
		complaints_add(complaints, origin_of(address), "'%s' is missing: %s",
			       name, sentence);
}

static void check_source(struct json_object *document, struct complaints *complaints)
{
	const char *address = json_text(key_value(document, "source.repo_url"));

	switch (address ? repository_transport_of(address) : REPOSITORY_UNKNOWN) {
	case REPOSITORY_UNKNOWN:
		break;
	case REPOSITORY_SSH:
		want_key(complaints, document, "source.ssh_key_parameter",
			 "set it to the name of the secret that holds the deploy key, or "
			 "take an https address");
		want_key(complaints, document, "source.host_keys",
			 "set it to the server's public host keys, as 'ssh-keyscan HOST' "
			 "or the git host's own pages show them");
		refuse_key(complaints, document, "source.token_parameter",
			   "a token is for https, and source.repo_url is an SSH address: "
			   "remove the key, or change the address");
		break;
	case REPOSITORY_HTTP:
		if (!repository_is_local(address))
			refuse_key(complaints, document, "source.token_parameter",
				   "source.repo_url is an http address, and all on the "
				   "way could read the token: take https");
		/* fall through */
	case REPOSITORY_HTTPS:
		refuse_key(complaints, document, "source.ssh_key_parameter",
			   "a key is for SSH, and source.repo_url is an http address: "
			   "remove the key, or write the address as user@host:path");
		refuse_key(complaints, document, "source.host_keys",
			   "host keys are for SSH, and source.repo_url is an http "
			   "address: remove them, or write the address as "
			   "user@host:path");
		break;
	}
}

/* One entry of linked_files or linked_dirs. */
struct link {
	const char *list;
	size_t index;
	struct json_object *value;
	const char *path; /* NULL: none that could be linked, which was told */
};

/* The index-th of both lists together. */
static struct link link_at(struct json_object *files, struct json_object *directories,
			   size_t index)
{
	size_t count = files ? json_object_array_length(files) : 0;
	struct link link = { "linked_files", index, NULL, NULL };

	if (index < count) {
		link.value = key_value(json_object_array_get_idx(files, index), "path");
	} else {
		link.list = "linked_dirs";
		link.index = index - count;
		link.value = json_object_array_get_idx(directories, link.index);
	}
	link.path = json_text(link.value);
	if (link.path && !shape_is_link(link.path))
		link.path = NULL;
	return link;
}

/* Whether `inner` is `outer`, or lies in it. */
static bool is_within(const char *inner, const char *outer)
{
	size_t length = strlen(outer);

	return strncmp(inner, outer, length) == 0 &&
		(inner[length] == '\0' || inner[length] == '/');
}

static struct json_object *list_at(struct json_object *document, const char *name)
{
	struct json_object *list = key_value(document, name);

	return json_object_is_type(list, json_type_array) ? list : NULL;
}

static bool do_collide(const struct link *link, const struct link *other,
		       struct complaints *complaints)
{
	if (!is_within(link->path, other->path) && !is_within(other->path, link->path))
		return false;
	complaints_add(complaints, origin_of(link->value),
		       "'release.%s[%zu]': release.%s[%zu] %s: remove one of the two",
		       link->list, link->index, other->list, other->index,
		       text_is_equal(link->path, other->path)
			       ? "has this path already"
			       : "has a path that lies in this one, or around it");
	return true;
}

static void check_links(struct json_object *document, struct complaints *complaints)
{
	struct json_object *files = list_at(document, "release.linked_files");
	struct json_object *directories = list_at(document, "release.linked_dirs");
	size_t count = (files ? json_object_array_length(files) : 0) +
		(directories ? json_object_array_length(directories) : 0);

	if (count > LINKS_MAX)
		complaints_add(complaints, origin_of(directories ? directories : files),
			       "'release': expected at most %d linked_files and "
			       "linked_dirs together, found %zu",
			       LINKS_MAX, count);
	for (size_t i = 0; i < count && i < LINKS_MAX; i++) {
		const struct link link = link_at(files, directories, i);

		for (size_t j = 0; link.path && j < i; j++) {
			const struct link other = link_at(files, directories, j);

			if (other.path && do_collide(&link, &other, complaints))
				break;
		}
	}
}

/* Another header before this one that differs in capitals only, or NULL. */
static const char *same_header(struct json_object *headers, const char *name)
{
	json_object_object_foreach(headers, other, value) {
		(void)value;
		if (strcmp(name, other) == 0)
			break;
		if (strcasecmp(name, other) == 0)
			return other;
	}
	return NULL;
}

static void check_headers(struct json_object *document, struct complaints *complaints)
{
	struct json_object *headers = key_value(document, "readiness.headers");

	if (!json_object_is_type(headers, json_type_object))
		return;
	json_object_object_foreach(headers, name, value) {
		const char *other = same_header(headers, name);

		if (other)
			complaints_add(complaints, origin_of(value),
				       "'readiness.headers.%.64s': the header is set as "
				       "'%.64s' already: remove one of the two",
				       name, other);
	}
}

void rules_check(struct json_object *document, struct complaints *complaints)
{
	check_headers(document, complaints);
	check_source(document, complaints);
	check_links(document, complaints);
	output_rules_check(document, complaints);
}
