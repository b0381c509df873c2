/* SPDX-License-Identifier: MIT */
#include "config/effective.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/keys.h"

#include <string.h>

/*
 * What holds in the end, as one document. `config show` prints it, and struct config is
 * read from it, so that nobody is shown another value than the one that is used.
 */

/* Sets a member at a name with sections, which are made. Takes the value. */
static void put_value(struct json_object *object, const char *name,
		      struct json_object *value)
{
	autofree char *names = text_copy(name);
	char *rest = names, *member = strsep(&rest, ".");

	for (; rest; member = strsep(&rest, ".")) {
		struct json_object *section =
			json_member(object, member, json_type_object);

		if (!section) {
			section = json_new_object();
			json_set(object, member, section);
		}
		object = section;
	}
	json_set(object, member, value);
}

static struct json_object *fill_table(const struct config_key *keys,
				      struct json_object *given,
				      struct json_object *document);

static struct json_object *fill_list(const struct config_key *key,
				     struct json_object *given,
				     struct json_object *document)
{
	struct json_object *list = json_new_array();
	size_t count = given ? json_object_array_length(given) : 0;

	for (size_t i = 0; i < count; i++) {
		struct json_object *item = json_object_array_get_idx(given, i);

		if (json_object_array_add(list,
					  fill_table(key->members, item, document)) < 0)
			abort();
	}
	origin_mark(list, origin_of(given));
	return list;
}

static struct json_object *fill_key(const struct config_key *key,
				    struct json_object *given,
				    struct json_object *document)
{
	if (key->type == CONFIG_LIST)
		return fill_list(key, given, document);
	if (given)
		return json_object_get(given);
	if (key->type == CONFIG_VARIABLES || key->type == CONFIG_HEADERS)
		return json_new_object();
	if (key->type == CONFIG_LINES || key->type == CONFIG_RELATIVE_PATHS)
		return json_new_array();
	return key_default(key, document);
}

static struct json_object *fill_table(const struct config_key *keys,
				      struct json_object *given,
				      struct json_object *document)
{
	struct json_object *table = json_new_object();

	for (const struct config_key *key = keys; key->name; key++) {
		struct json_object *value = key_value(given, key->name);

		if (value || !key->is_for_merging)
			put_value(table, key->name, fill_key(key, value, document));
	}
	origin_mark(table, origin_of(given));
	return table;
}

struct json_object *effective_new(struct json_object *merged)
{
	return fill_table(config_keys, merged, merged);
}

struct visitor {
	void (*visit)(const struct effective_value *value, void *data);
	void *data;
};

static void visit_value(const struct visitor *visitor, const char *name,
			struct json_object *value);

static void visit_object(const struct visitor *visitor, const char *prefix,
			 struct json_object *object)
{
	json_object_object_foreach(object, member, value) {
		autofree char *name =
			text_format("%s%s%s", prefix, *prefix ? "." : "", member);

		visit_value(visitor, name, value);
	}
}

static void visit_value(const struct visitor *visitor, const char *name,
			struct json_object *value)
{
	const struct effective_value found = { name, value, origin_of(value) };
	bool is_list = json_object_is_type(value, json_type_array);
	size_t count = is_list ? json_object_array_length(value) : 0;

	if (json_object_is_type(value, json_type_object) &&
	    json_object_object_length(value) > 0) {
		visit_object(visitor, name, value);
		return;
	}
	/* A list of texts is one value; of objects every one has its own. */
	if (count == 0 ||
	    !json_object_is_type(json_object_array_get_idx(value, 0), json_type_object)) {
		visitor->visit(&found, visitor->data);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		autofree char *item = text_format("%s[%zu]", name, i);

		visit_object(visitor, item, json_object_array_get_idx(value, i));
	}
}

void effective_each(struct json_object *effective,
		    void (*visit)(const struct effective_value *value, void *data),
		    void *data)
{
	const struct visitor visitor = { visit, data };

	visit_object(&visitor, "", effective);
}
