/* SPDX-License-Identifier: MIT */
#include "config/required.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/near.h"
#include "base/text.h"
#include "config/keys.h"
#include "config/layers.h"
#include "config/null.h"

#include <string.h>

/*
 * What all layers together do not set. In the merged document a list's index is nobody's:
 * an item is called by its name. A key may be missing because a layer takes it back, and
 * an item may be there only because the name of another was misspelt.
 */

/* The object that is asked: the document, or an item of a list with a name. */
struct asked {
	struct json_object *object;
	const struct config_key *list; /* NULL: the document */
	size_t index;
	const char *name; /* NULL: the list's items have none */
};

/* The object that the key stands in, or would; NULL: something else stands there. */
static struct json_object *section_of(struct json_object *object,
				      const struct config_key *key)
{
	const char *dot = strrchr(key->name, '.');
	autofree char *name =
		dot ? text_format("%.*s", (int)(dot - key->name), key->name) : NULL;
	struct json_object *section = dot ? key_value(object, name) : object;

	if (!section)
		return object;
	return json_object_is_type(section, json_type_object) ? section : NULL;
}

/* Whether one layer takes the key back, in the document or in the item of that name. */
static bool takes_back(struct json_object *document, const struct asked *asked,
		       const char *key, struct origin *ret_origin)
{
	struct json_object *list;

	if (!asked->list)
		return null_find(document, key, ret_origin);
	list = key_value(document, asked->list->name);
	if (!asked->name || !json_object_is_type(list, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);

		if (json_object_is_type(item, json_type_object) &&
		    text_is_equal(json_string(item, asked->list->identity),
				  asked->name) &&
		    null_find(item, key, ret_origin))
			return true;
	}
	return false;
}

static bool find_null(const struct layers *layers, const struct asked *asked,
		      const char *key, struct origin *ret_origin)
{
	for (size_t i = layers->count; i > 0; i--)
		if (takes_back(layers->items[i - 1].document, asked, key, ret_origin))
			return true;
	return false;
}

/* Another item that may have been meant; the caller frees it. NULL: none. */
static char *near_item(const struct layers *layers, const struct asked *asked)
{
	struct json_object *list;
	const char **names;
	char *near;
	size_t count = 0;

	if (!asked->name)
		return NULL;
	list = key_value(layers->merged, asked->list->name);
	names = memory_new(json_object_array_length(list) + 1, sizeof(*names));
	for (size_t i = 0; i < json_object_array_length(list); i++)
		if (i != asked->index)
			names[count++] = json_string(json_object_array_get_idx(list, i),
						     asked->list->identity);
	near = text_copy(near_of(asked->name, names));
	free(names);
	return near;
}

static char *label_of(const struct asked *asked)
{
	if (!asked->list)
		return text_copy("");
	if (text_is_name(asked->name))
		return text_format("%s[%s].", asked->list->name, asked->name);
	return text_format("%s[%zu].", asked->list->name, asked->index);
}

static void complain(struct layers *layers, const struct asked *asked,
		     const struct config_key *key, struct json_object *section)
{
	autofree char *label = label_of(asked);
	autofree char *near = near_item(layers, asked);
	struct origin origin = origin_of(section);

	if (find_null(layers, asked, key->name, &origin))
		complaints_add(&layers->complaints, origin,
			       "'%s%s' is missing, null takes it back here: set it, or "
			       "remove the null. %s",
			       label, key->name, key->help);
	else
		complaints_add(&layers->complaints, origin,
			       "'%s%s' is missing: set it%s%s%s. %s", label, key->name,
			       near ? ", or write '" : "", near ? near : "",
			       near ? "' if that is meant" : "", key->help);
}

static void ask(struct layers *layers, const struct config_key *keys,
		const struct asked *asked)
{
	for (const struct config_key *key = keys; key->name; key++) {
		struct json_object *value = key_value(asked->object, key->name);
		struct json_object *section = section_of(asked->object, key);

		if (key->is_required && !value && section)
			complain(layers, asked, key, section);
		if (key->type != CONFIG_LIST ||
		    !json_object_is_type(value, json_type_array))
			continue;
		for (size_t i = 0; i < json_object_array_length(value); i++) {
			struct json_object *item = json_object_array_get_idx(value, i);
			const struct asked inner = {
				item, key, i,
				key->identity ? json_string(item, key->identity) : NULL
			};

			ask(layers, key->members, &inner);
		}
	}
}

void required_check(struct layers *layers)
{
	const struct asked document = { .object = layers->merged };

	ask(layers, config_keys, &document);
}
