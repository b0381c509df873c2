/* SPDX-License-Identifier: MIT */
#include "tree/links.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/*
 * Which files and directories are linked, as the configuration says. A path that passes
 * here stays below the directory it is opened in, and no entry lies on another one's way.
 */

static int say_path(const char *path, const char *why, struct error *err)
{
	return error_set(err, EINVAL,
			 "'%s' cannot be linked: %s: correct linked_files or linked_dirs",
			 path, why);
}

static const char *component_fault(const char *component, size_t length_bytes)
{
	char name[NAME_MAX + 1];

	if (length_bytes == 0)
		return "it has an empty part";
	if (length_bytes > NAME_MAX)
		return "a part of it is too long for a file's name";
	memcpy(name, component, length_bytes);
	name[length_bytes] = '\0';
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return "it has the part '.' or '..'";
	return file_is_temporary(name) ? "it has the name of a temporary file" : NULL;
}

static bool is_ours(const char *path)
{
	const char *const names[] = { "REVISION", ".bootagent", "current" };
	size_t length_bytes = strcspn(path, "/");

	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		if (strlen(names[i]) == length_bytes &&
		    strncmp(path, names[i], length_bytes) == 0)
			return true;
	return false;
}

static bool has_control(const char *path)
{
	autofree char *copy = text_copy(path);

	text_make_printable(copy);
	return strcmp(copy, path) != 0;
}

const char *links_path_fault(const char *path)
{
	const char *rest = path;

	if (path[0] == '/')
		return "it is not relative to the release";
	if (strlen(path) > LINKS_PATH_MAX_BYTES)
		return "it is too long";
	if (has_control(path))
		return "it has control characters";
	if (is_ours(path))
		return "that name belongs to the agent";
	for (;;) {
		size_t length_bytes = strcspn(rest, "/");
		const char *fault = component_fault(rest, length_bytes);

		if (fault || !rest[length_bytes])
			return fault;
		rest += length_bytes + 1;
	}
}

static int check_path(const char *path, struct error *err)
{
	const char *fault;

	if (!path)
		return error_set(err, EINVAL,
				 "an entry of linked_files or linked_dirs has no path: "
				 "give one, relative to the release");
	fault = links_path_fault(path);
	return fault ? say_path(path, fault, err) : 0;
}

static int read_file(struct json_object *element, struct link *link, struct error *err)
{
	struct json_object *content = NULL;

	*link = (struct link){ .path = json_string(element, "path") };
	if (json_object_is_type(element, json_type_object))
		(void)json_object_object_get_ex(element, "content", &content);
	if (!content)
		return check_path(link->path, err);
	if (!json_object_is_type(content, json_type_string))
		return error_set(err, EINVAL,
				 "the content of a linked file is no text: give a text");
	link->content = json_object_get_string(content);
	link->content_bytes = (size_t)json_object_get_string_len(content);
	return check_path(link->path, err);
}

static int read_directory(struct json_object *element, struct link *link,
			  struct error *err)
{
	*link = (struct link){ .path = json_text(element), .is_directory = true };
	return check_path(link->path, err);
}

static int read_list(const struct json_object *request, const char *key,
		     int (*read_one)(struct json_object *, struct link *, struct error *),
		     struct links *links, struct error *err)
{
	struct json_object *list = NULL;
	size_t count;

	if (!json_object_object_get_ex(request, key, &list) || !list)
		return 0;
	if (!json_object_is_type(list, json_type_array))
		return error_set(err, EINVAL, "'%s' is no list: make it one", key);
	count = json_object_array_length(list);
	if (count > LINKS_MAX - links->count)
		return error_set(err, E2BIG,
				 "there are more than %d linked files and directories: "
				 "link a directory above some of them",
				 LINKS_MAX);
	for (size_t i = 0; i < count; i++) {
		int result = read_one(json_object_array_get_idx(list, i),
				      &links->items[links->count], err);

		if (result < 0)
			return result;
		links->count++;
	}
	return 0;
}

static bool is_at_or_below(const char *path, const char *other)
{
	size_t length_bytes = strlen(other);

	return strncmp(path, other, length_bytes) == 0 &&
		(path[length_bytes] == '\0' || path[length_bytes] == '/');
}

static int check_collisions(const struct links *links, struct error *err)
{
	for (size_t i = 0; i < links->count; i++)
		for (size_t j = 0; j < links->count; j++)
			if (i != j &&
			    is_at_or_below(links->items[i].path, links->items[j].path))
				return error_set(
					err, EINVAL,
					"'%s' and '%s' cannot both be linked, one lies "
					"at or below the other: leave one out",
					links->items[j].path, links->items[i].path);
	return 0;
}

int links_read(const struct json_object *request, struct links *ret_links,
	       struct error *err)
{
	autolinks struct links links = { memory_new(LINKS_MAX, sizeof(*links.items)), 0 };
	int result = read_list(request, "linked_files", read_file, &links, err);

	if (result == 0)
		result = read_list(request, "linked_dirs", read_directory, &links, err);
	if (result == 0)
		result = check_collisions(&links, err);
	if (result < 0)
		return result;
	*ret_links = links;
	links.items = NULL;
	return 0;
}

void links_done(struct links *links)
{
	free(links->items);
	*links = (struct links){ 0 };
}
