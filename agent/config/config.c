/* SPDX-License-Identifier: MIT */
#include "config/config.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/keys.h"
#include "config/value.h"

#include <errno.h>

/*
 * From the effective configuration to struct config, by the key table. What is wrong was
 * told before (config/check.c): here a value that does not fit is a mistake of ours.
 */

static int read_table(const struct config_key *keys, struct json_object *object,
		      void *base, struct error *err);

static int read_list(const struct config_key *key, struct json_object *list, void *place,
		     struct error *err)
{
	/* Every list has this shape: items, count. */
	struct config_steps *items = place;
	size_t count = json_object_array_length(list);
	int result = 0;

	items->items = memory_new(count, key->member_size_bytes);
	items->count = count;
	for (size_t i = 0; i < count && result == 0; i++)
		result = read_table(key->members, json_object_array_get_idx(list, i),
				    (char *)items->items + i * key->member_size_bytes,
				    err);
	return result;
}

static int read_table(const struct config_key *keys, struct json_object *object,
		      void *base, struct error *err)
{
	int result = 0;

	for (const struct config_key *key = keys; key->name && result == 0; key++) {
		struct json_object *value = key_value(object, key->name);
		void *place = (char *)base + key->offset;
		struct value_fault fault = { .from = 0 };

		if (!value || key->is_for_merging)
			continue;
		if (key->type == CONFIG_LIST)
			result = read_list(key, value, place, err);
		else if (value_read(key, value, place, &fault) < 0)
			result = error_set(err, EINVAL, "'%s': %s", key->name,
					   fault.sentence);
	}
	return result;
}

int config_read(struct json_object *effective, struct config **ret_config,
		struct error *err)
{
	struct config *config = memory_new(1, sizeof(*config));
	int result = read_table(config_keys, effective, config, err);

	if (result < 0) {
		config_free(config);
		return result;
	}
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

bool config_has_outputs(const struct config *config)
{
	for (size_t i = 0; i < config->steps.count; i++)
		if (config->steps.items[i].outputs.count > 0)
			return true;
	return false;
}

static void free_table(const struct config_key *keys, void *base)
{
	for (const struct config_key *key = keys; key->name; key++) {
		void *place = (char *)base + key->offset;
		struct config_steps *list = place;

		if (key->is_for_merging)
			continue;
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
