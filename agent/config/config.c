/* SPDX-License-Identifier: MIT */
#include "config/config.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/keys.h"
#include "config/value.h"

#include <errno.h>
#include <string.h>

/*
 * From a JSON document to struct config, by the key table. The document is walked, not
 * the table, so that every member is either consumed by a row or refused: a misspelt key
 * never passes for an absent one. Single values are read in config/value.c.
 */

/* What one table is read into, and how its keys are called in errors. */
struct target {
	const struct config_key *keys;
	void *base;
	const char *origin;
	const char *label; /* "", or "steps[2]." */
};

static int read_list(const struct target *target, const struct config_key *key,
		     struct json_object *list, struct error *err);

static bool is_ignored(const char *name)
{
	return strcmp(name, "_comment") == 0 || strcmp(name, "$schema") == 0 ||
		strncmp(name, "x-", 2) == 0;
}

static const struct config_key *find_key(const struct config_key *keys, const char *name)
{
	for (; keys->name; keys++)
		if (strcmp(keys->name, name) == 0)
			return keys;
	return NULL;
}

static bool is_section(const struct config_key *keys, const char *name)
{
	size_t length = strlen(name);

	for (; keys->name; keys++)
		if (strncmp(keys->name, name, length) == 0 && keys->name[length] == '.')
			return true;
	return false;
}

static int read_key(const struct target *target, const struct config_key *key,
		    struct json_object *value, struct error *err)
{
	int result;

	/* null restores the built-in default, which stands there already. */
	if (!value)
		return 0;
	if (key->type == CONFIG_LIST)
		return read_list(target, key, value, err);
	result = value_read(key, value, (char *)target->base + key->offset, err);
	if (result < 0)
		return error_wrap(err, "%s: %s%s", target->origin, target->label,
				  key->name);
	return 0;
}

static int read_members(const struct target *target, const char *section,
			const struct json_object *object, struct error *err)
{
	json_object_object_foreach(object, member, value) {
		autofree char *name = text_format("%s%s", section, member);
		/* "source.branch" as one name is no short form: one way to write it. */
		bool is_name = !strchr(member, '.');
		const struct config_key *key =
			is_name ? find_key(target->keys, name) : NULL;
		int result;

		if (is_ignored(member))
			continue;
		if (key) {
			result = read_key(target, key, value, err);
		} else if (!is_name || !is_section(target->keys, name)) {
			result = error_set(
				err, EINVAL,
				"%s: unknown key '%s%s': see bootagent.json(5) for the "
				"keys there are",
				target->origin, target->label, name);
		} else if (!json_object_is_type(value, json_type_object)) {
			result = error_set(err, EINVAL, "%s: '%s%s' must be an object",
					   target->origin, target->label, name);
		} else {
			autofree char *inner = text_format("%s.", name);

			result = read_members(target, inner, value, err);
		}
		if (result < 0)
			return result;
	}
	return 0;
}

static int set_defaults(const struct target *target, struct error *err)
{
	for (const struct config_key *key = target->keys; key->name; key++) {
		autojson struct json_object *value = NULL;
		int result;

		if (!key->fallback)
			continue;
		if (key->type == CONFIG_COUNT)
			value = json_object_new_int64(strtoll(key->fallback, NULL, 10));
		else
			value = json_object_new_string(key->fallback);
		result = read_key(target, key, value, err);
		if (result < 0)
			return result;
	}
	return 0;
}

static int check_required(const struct target *target, struct error *err)
{
	for (const struct config_key *key = target->keys; key->name; key++)
		if (key->is_required &&
		    !value_is_set(key, (char *)target->base + key->offset))
			return error_set(err, EINVAL, "%s: '%s%s' is missing: %s",
					 target->origin, target->label, key->name,
					 key->help);
	return 0;
}

static int read_table(const struct target *target, const struct json_object *object,
		      struct error *err)
{
	int result = set_defaults(target, err);

	if (result == 0)
		result = read_members(target, "", object, err);
	if (result == 0)
		result = check_required(target, err);
	return result;
}

static int read_list(const struct target *target, const struct config_key *key,
		     struct json_object *list, struct error *err)
{
	/* Every list has this shape: items, count. */
	struct config_steps *steps = (void *)((char *)target->base + key->offset);
	size_t count;

	if (!json_object_is_type(list, json_type_array))
		return error_set(err, EINVAL, "%s: '%s%s' must be a list of objects",
				 target->origin, target->label, key->name);
	count = json_object_array_length(list);
	steps->items = memory_new(count, key->member_size_bytes);
	steps->count = count;
	for (size_t i = 0; i < count; i++) {
		autofree char *label =
			text_format("%s%s[%zu].", target->label, key->name, i);
		const struct json_object *item = json_object_array_get_idx(list, i);
		struct target inner = { key->members,
					(char *)steps->items + i * key->member_size_bytes,
					target->origin, label };
		int result;

		if (!json_object_is_type(item, json_type_object))
			return error_set(err, EINVAL, "%s: '%s%s[%zu]' must be an object",
					 target->origin, target->label, key->name, i);
		result = read_table(&inner, item, err);
		if (result < 0)
			return result;
	}
	return 0;
}

static int check_steps(const struct config *config, const char *origin, struct error *err)
{
	for (size_t i = 0; i < config->steps.count; i++)
		for (size_t j = 0; j < i; j++)
			if (text_is_equal(config->steps.items[i].name,
					  config->steps.items[j].name))
				return error_set(
					err, EINVAL,
					"%s: two steps are called '%s': rename one",
					origin, config->steps.items[i].name);
	return 0;
}

int config_parse(const struct json_object *document, const char *origin,
		 struct config **ret_config, struct error *err)
{
	struct config *config = memory_new(1, sizeof(*config));
	const struct target target = { config_keys, config, origin, "" };
	int result;

	if (!json_object_is_type(document, json_type_object))
		result = error_set(err, EINVAL, "%s: the configuration must be an object",
				   origin);
	else
		result = read_table(&target, document, err);
	if (result == 0)
		result = check_steps(config, origin, err);
	if (result < 0) {
		config_free(config);
		return result;
	}
	if (!config->release.deploy_to)
		config->release.deploy_to =
			text_format("/srv/%s", config->application.name);
	*ret_config = config;
	return 0;
}

bool config_has_steps(const struct config *config, enum step_when when)
{
	for (size_t i = 0; i < config->steps.count; i++)
		if (config->steps.items[i].when == (int64_t)when)
			return true;
	return false;
}

static void free_table(const struct config_key *keys, void *base)
{
	for (const struct config_key *key = keys; key->name; key++) {
		void *place = (char *)base + key->offset;
		struct config_steps *list = place;

		if (key->type != CONFIG_LIST) {
			value_free(key, place);
			continue;
		}
		for (size_t i = 0; i < list->count; i++)
			free_table(key->members,
				   (char *)list->items + i * key->member_size_bytes);
		free(list->items);
	}
}

void config_free(struct config *config)
{
	if (!config)
		return;
	free_table(config_keys, config);
	free(config);
}
