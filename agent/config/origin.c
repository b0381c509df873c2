/* SPDX-License-Identifier: MIT */
#include "config/origin.h"

#include "base/memory.h"

#include <json-c/json.h>

/*
 * Places in files, kept beside json-c's values as their user data. A container also keeps
 * the places of its entries: an unknown key is complained of at the key, and null, which
 * json-c has no object for, is found by its place in the container.
 */

struct mark {
	struct origin origin;
	struct origin *entries;
	size_t count;
};

static void free_mark(struct json_object *value, void *data)
{
	struct mark *mark = data;

	(void)value;
	free(mark->entries);
	free(mark);
}

void origin_mark_entries(struct json_object *container, struct origin origin,
			 struct origin *entries, size_t count)
{
	struct mark *mark = memory_new(1, sizeof(*mark));

	*mark = (struct mark){ origin, entries, count };
	json_object_set_userdata(container, mark, free_mark);
}

void origin_mark(struct json_object *value, struct origin origin)
{
	origin_mark_entries(value, origin, NULL, 0);
}

struct origin origin_of(struct json_object *value)
{
	const struct mark *mark = value ? json_object_get_userdata(value) : NULL;

	return mark ? mark->origin : (struct origin){ 0 };
}

struct origin origin_of_entry(struct json_object *container, size_t index)
{
	const struct mark *mark = json_object_get_userdata(container);

	return mark && index < mark->count ? mark->entries[index] : (struct origin){ 0 };
}
