/* SPDX-License-Identifier: MIT */
#include "config/null.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <string.h>

/*
 * Where a layer takes back what lower ones set. json-c has no object for null and the
 * merged document no trace of it: it is looked for in the layer itself.
 */

static size_t index_of(struct json_object *object, const char *member)
{
	size_t index = 0;

	json_object_object_foreach(object, name, value) {
		(void)value;
		if (strcmp(name, member) == 0)
			break;
		index++;
	}
	return index;
}

bool null_find(struct json_object *document, const char *name, struct origin *ret_origin)
{
	autofree char *names = text_copy(name);
	struct json_object *object = document, *next;
	char *rest = names, *member;

	while ((member = strsep(&rest, "."))) {
		if (!json_object_is_type(object, json_type_object) ||
		    !json_object_object_get_ex(object, member, &next))
			return false;
		if (!next) {
			*ret_origin = origin_of_entry(object, index_of(object, member));
			return true;
		}
		object = next;
	}
	return false;
}
