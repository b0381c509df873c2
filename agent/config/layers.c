/* SPDX-License-Identifier: MIT */
#include "config/layers.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/near.h"
#include "base/text.h"
#include "config/check.h"
#include "config/effective.h"
#include "config/files.h"
#include "config/keys.h"
#include "config/merge.h"
#include "config/null.h"
#include "config/required.h"
#include "config/rules.h"
#include "config/user_data.h"
#include "config/value.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/*
 * From files to the effective configuration. Every layer is read and checked by itself,
 * so that a complaint has the place of the mistake; only what holds for all of them
 * together (a required key) is looked at afterwards. The files are read once, long before
 * the user data is known.
 */

/* The preset's name as the highest layer sets it; NULL: none does, or null. */
static struct json_object *find_preset(const struct layers *layers)
{
	struct json_object *name = NULL;

	for (size_t i = layers->count; i > 0; i--)
		if (layers->items[i - 1].document &&
		    json_object_object_get_ex(layers->items[i - 1].document, "preset",
					      &name))
			return name;
	return NULL;
}

static bool has_name(const struct files_names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i], name) == 0)
			return true;
	return false;
}

static void complain_preset(struct layers *layers, int root_fd, struct json_object *value)
{
	const char *name = json_text(value);
	struct files_names names;
	int result = files_list(root_fd, CONFIG_PRESETS, "", &names);
	const char *near = near_of(name, (const char *const *)names.items);
	const char *advice = result == 0 && names.count
		? "correct the name, or remove the key"
		: "none is installed, remove the key";

	if (has_name(&names, name))
		complaints_add(&layers->complaints, origin_of(value),
			       "'preset': " CONFIG_PRESETS "/%s has no config.json: "
			       "install the preset again, or remove the key",
			       name);
	else
		complaints_add(&layers->complaints, origin_of(value),
			       "'preset': there is no '%s' in " CONFIG_PRESETS ": %s%s%s",
			       name, near ? "did you mean '" : "", near ? near : advice,
			       near ? "'?" : "");
	files_names_done(&names);
}

/* Puts the preset that was asked for below all other layers. */
static void add_preset(struct layers *layers, int root_fd)
{
	struct json_object *name = find_preset(layers), *second;
	autofree char *path = NULL;
	size_t count = layers->count;

	/* No name at all is complained of when its layer is checked. */
	if (!text_is_name(json_text(name)))
		return;
	path = text_format(CONFIG_PRESETS "/%s/config.json", json_text(name));
	if (files_add(layers, 0, root_fd, path) < 0) {
		complain_preset(layers, root_fd, name);
		return;
	}
	if (layers->count == count)
		return;
	second = key_value(layers->items[0].document, "preset");
	if (second)
		complaints_add(&layers->complaints, origin_of(second),
			       "'preset': a preset cannot begin with another one: "
			       "remove the key");
}

/* Checks and merges what was read. What no layer sets is missing in the main file. */
static void amount(struct layers *layers, const char *file)
{
	struct json_object *merged = NULL;
	struct origin origin = { .file = file };
	bool is_whole = layers->complaints.count == 0, is_main_seen = false;

	for (size_t i = 0; i < layers->count; i++) {
		struct json_object *document = layers->items[i].document, *next;

		if (!document)
			continue;
		check_layer(document, &layers->complaints);
		next = merge_layer(merged, document, &layers->complaints);
		json_put_pointer(&merged);
		merged = next;
		if (!is_main_seen)
			origin = origin_of(document);
		is_main_seen |= strcmp(layers->items[i].name, file) == 0;
	}
	if (!merged)
		merged = json_new_object();
	origin_mark(merged, origin);
	layers->is_configured = json_object_object_get_ex(merged, "application", NULL) ||
		json_object_object_get_ex(merged, "source", NULL);
	layers->merged = merged;
	/* What seems to be missing may stand in a layer that cannot be read. */
	if (is_whole && layers->is_configured) {
		required_check(layers);
		rules_check(merged, &layers->complaints);
	}
	if (layers->complaints.count == 0)
		layers->effective = effective_new(merged);
}

void layers_read(struct layers *ret_layers, const struct layers_request *request)
{
	const char *file = request->file ? request->file : CONFIG_FILE;
	int dir_fd = request->is_plain_path ? AT_FDCWD : request->root_fd;
	struct layers *layers = ret_layers;

	*layers = (struct layers){ .count = 0 };
	if (request->file && !request->is_plain_path && request->file[0] != '/') {
		(void)!error_set(&layers->failure, EINVAL,
				 "--config '%s': give an absolute path inside the root",
				 request->file);
		return;
	}
	if (files_add(layers, 0, dir_fd, file) == -ENOENT && request->file)
		(void)!error_set(&layers->failure, ENOENT, "there is no file '%s'", file);
	if (!request->file)
		files_add_fragments(layers, request->root_fd);
}

int layers_complete(struct layers *layers, const struct layers_request *request,
		    struct error *err)
{
	if (layers->failure.code) {
		*err = layers->failure;
		return err->code;
	}
	if (request->user_data && request->user_data->is_user_data)
		user_data_add(layers, request->user_data);
	else if (request->user_data)
		files_add_text(layers, layers->count, request->user_data);
	add_preset(layers, request->root_fd);
	amount(layers, request->file ? request->file : CONFIG_FILE);
	return layers->complaints.count ? complaints_error(&layers->complaints, err) : 0;
}

int layers_load(struct layers *ret_layers, const struct layers_request *request,
		struct error *err)
{
	layers_read(ret_layers, request);
	return layers_complete(ret_layers, request, err);
}

bool layers_value(const struct layers *layers, const char *name, void *place)
{
	const struct config_key *key = key_find(config_keys, name);
	struct origin ignored;

	for (size_t i = layers->count; i > 0; i--) {
		struct json_object *document = layers->items[i - 1].document, *value;
		struct value_fault fault = { .from = 0 };

		if (document && null_find(document, name, &ignored))
			return false;
		value = key_value(document, name);
		if (value && value_read(key, value, place, &fault) == 0)
			return true;
	}
	return false;
}

void layers_done(struct layers *layers)
{
	json_put_pointer(&layers->effective);
	json_put_pointer(&layers->merged);
	for (size_t i = 0; i < layers->count; i++) {
		json_put_pointer(&layers->items[i].document);
		free(layers->items[i].name);
	}
	free(layers->items);
	free(layers->note);
	complaints_done(&layers->complaints);
	*layers = (struct layers){ .count = 0 };
}

static char *describe_files(const struct layers *layers)
{
	size_t first = 0;

	/* The preset is named in the file that people know. */
	if (layers->count > 1 &&
	    strncmp(layers->items[0].name, CONFIG_PRESETS, strlen(CONFIG_PRESETS)) == 0)
		first = 1;
	if (layers->count == 1)
		return text_copy(layers->items[0].name);
	return text_format("%s and %zu more", layers->items[first].name,
			   layers->count - 1);
}

char *layers_describe(const struct layers *layers)
{
	autofree char *files = layers->count ? describe_files(layers) : NULL;
	const char *state = "";

	if (!files) {
		state = "not configured: there is no ";
		files = text_copy(CONFIG_FILE);
	} else if (!layers->is_configured) {
		state = "not configured: neither application nor source is set in ";
	}
	return text_format("%s%s%s%s", state, files, layers->note ? "; " : "",
			   layers->note ? layers->note : "");
}
