/* SPDX-License-Identifier: MIT */
#include "config/user_data.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/near.h"
#include "base/text.h"
#include "config/files.h"
#include "config/keys.h"
#include "config/layers.h"
#include "userdata/userdata.h"

#include <string.h>

/*
 * User data as a layer. There is one for everything that runs on an instance, and others
 * take JSON, too: what has none of our keys is left alone, a misspelt key of ours is not.
 */

#define TOP_NAMES_MAX 64

/* The names that may stand at the top, sections and keys; ends with NULL. */
struct names {
	char *items[TOP_NAMES_MAX + 1];
	size_t count;
};

static void collect_names(struct names *names)
{
	*names = (struct names){ .count = 0 };
	for (const struct config_key *key = config_keys; key->name; key++) {
		size_t length = strcspn(key->name, ".");

		/* "$schema" is no sign of ours: others have it. */
		if (key->name[0] != '$' && names->count < TOP_NAMES_MAX)
			names->items[names->count++] =
				text_format("%.*s", (int)length, key->name);
	}
}

static void free_names(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
}

/* Whether it has keys, and none of them is ours or was meant to be. */
static bool is_foreign(struct json_object *document)
{
	bool is_ours = false, has_keys = false;
	struct names names;

	if (!json_object_is_type(document, json_type_object))
		return false;
	collect_names(&names);
	json_object_object_foreach(document, name, value) {
		(void)value;
		if (key_is_remark(name) || name[0] == '$')
			continue;
		has_keys = true;
		is_ours |= near_of(name, (const char *const *)names.items) ||
			key_find(config_keys, name);
	}
	free_names(&names);
	return has_keys && !is_ours;
}

/*
 * Read by json-c: what others write need not hold what our own reader holds people to,
 * and may be no complaint for it.
 */
static bool is_foreign_text(const char *json)
{
	autojson struct json_object *document = json_tokener_parse(json);

	return is_foreign(document);
}

static void note(struct layers *layers, const struct config_layer *user_data,
		 const char *text)
{
	layers->note = text_format("%s: %s", user_data->origin, text);
	text_make_printable(layers->note);
}

void user_data_add(struct layers *layers, const struct config_layer *user_data)
{
	struct config_layer layer = { .origin = user_data->origin };
	autofree char *reason = NULL;
	struct error err = { 0 };
	char *json = NULL;

	if (userdata_extract(user_data->text, user_data->length_bytes, &json, &reason,
			     &err) < 0)
		complaints_add(&layers->complaints,
			       (struct origin){ .file = user_data->origin }, "%s",
			       err.text);
	if (reason)
		note(layers, user_data, reason);
	if (json && is_foreign_text(json)) {
		note(layers, user_data,
		     "JSON without any key of bootagent's: left alone");
	} else if (json) {
		layer.text = json;
		layer.length_bytes = strlen(json);
		files_add_text(layers, layers->count, &layer);
	}
	text_wipe(json);
}
