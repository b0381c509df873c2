/* SPDX-License-Identifier: MIT */
#include "config/merge.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/near.h"
#include "base/text.h"
#include "config/complaints.h"
#include "config/keys.h"
#include "config/origin.h"

#include <string.h>

/*
 * How layers become one document. Nothing is changed in place: layers and what was merged
 * before may share values, which json-c counts. A layer that was complained of is merged
 * as well as it goes; the result then only serves to find more complaints.
 */

/* A list with an identity on its way through a layer. */
struct row {
	const struct config_key *key;
	struct json_object **items; /* ours */
	size_t count;
	struct complaints *complaints;
};

static struct json_object *merge_objects(const struct config_key *keys,
					 struct json_object *lower,
					 struct json_object *upper,
					 struct complaints *complaints);

static size_t find_item(const struct row *row, const char *name)
{
	size_t index = 0;

	while (index < row->count &&
	       !text_is_equal(json_string(row->items[index], row->key->identity), name))
		index++;
	return index;
}

/* The name and its place in the row, or a complaint and the row's end. */
static size_t find_target(const struct row *row, struct json_object *name,
			  const char *label)
{
	const char **names = memory_new(row->count + 1, sizeof(*names));
	const char *wanted = json_text(name);
	size_t target = wanted ? find_item(row, wanted) : row->count;

	for (size_t i = 0; i < row->count; i++)
		names[i] = json_string(row->items[i], row->key->identity);
	/* Of what could be no name its layer was complained of. */
	if (text_is_name(wanted) && target == row->count) {
		const char *near = near_of(wanted, names);

		complaints_add(
			row->complaints, origin_of(name),
			"'%s': '%s' stands in no lower layer and not above in this "
			"list: %s%s%s",
			label, wanted, near ? "did you mean '" : "",
			near ? near : "correct the name, or leave it out",
			near ? "'?" : "");
	}
	free(names);
	return target;
}

static void take_out(struct row *row, size_t index)
{
	json_put_pointer(&row->items[index]);
	row->count--;
	memmove(&row->items[index], &row->items[index + 1],
		(row->count - index) * sizeof(row->items[0]));
}

static void put_in(struct row *row, size_t index, struct json_object *item)
{
	memmove(&row->items[index + 1], &row->items[index],
		(row->count - index) * sizeof(row->items[0]));
	row->items[index] = item;
	row->count++;
}

/* The item as it is from now on: what stood there, and the layer's on top. */
static struct json_object *merge_item(const struct row *row, size_t index,
				      struct json_object *item)
{
	struct json_object *lower = index < row->count ? row->items[index] : NULL;
	struct json_object *merged =
		merge_objects(row->key->members, lower, item, row->complaints);

	for (const struct config_key *key = row->key->members; key->name; key++)
		if (key->is_for_merging)
			json_object_object_del(merged, key->name);
	return merged;
}

static void apply_item(struct row *row, struct json_object *item, size_t number)
{
	struct json_object *name = key_value(item, row->key->identity);
	struct json_object *before = key_value(item, "before");
	struct json_object *target = before ? before : key_value(item, "after");
	size_t index = json_text(name) ? find_item(row, json_text(name)) : row->count;
	struct json_object *merged;
	autofree char *label = text_format("%s[%zu].%s", row->key->name, number,
					   json_boolean(item, "remove") ? "name"
						   : before             ? "before"
									: "after");

	if (!json_text(name))
		return;
	if (json_boolean(item, "remove")) {
		if (find_target(row, name, label) < row->count)
			take_out(row, index);
		return;
	}
	merged = merge_item(row, index, item);
	if (!target && index < row->count) {
		json_put_pointer(&row->items[index]);
		row->items[index] = merged;
		return;
	}
	if (index < row->count)
		take_out(row, index);
	index = row->count;
	if (target) {
		index = find_target(row, target, label);
		index += !before && index < row->count;
	}
	put_in(row, index, merged);
}

static struct json_object *merge_lists(const struct config_key *key,
				       struct json_object *lower,
				       struct json_object *upper,
				       struct complaints *complaints)
{
	bool is_below = json_object_is_type(lower, json_type_array);
	size_t lower_count = is_below ? json_object_array_length(lower) : 0;
	size_t upper_count = json_object_array_length(upper);
	struct row row = { key, NULL, lower_count, complaints };
	struct json_object *merged = json_new_array();

	row.items = memory_new(lower_count + upper_count, sizeof(struct json_object *));
	for (size_t i = 0; i < lower_count; i++)
		row.items[i] = json_object_get(json_object_array_get_idx(lower, i));
	for (size_t i = 0; i < upper_count; i++) {
		struct json_object *item = json_object_array_get_idx(upper, i);

		if (json_object_is_type(item, json_type_object))
			apply_item(&row, item, i);
	}
	for (size_t i = 0; i < row.count; i++)
		if (json_object_array_add(merged, row.items[i]) < 0)
			abort();
	free(row.items);
	origin_mark(merged, origin_of(upper));
	return merged;
}

/* A value of the upper layer on the lower one's; the result is the caller's. */
static struct json_object *merge_values(const struct config_key *key,
					struct json_object *lower,
					struct json_object *upper,
					struct complaints *complaints)
{
	if (json_object_is_type(upper, json_type_object))
		return merge_objects(NULL, lower, upper, complaints);
	if (key && key->identity && json_object_is_type(upper, json_type_array))
		return merge_lists(key, lower, upper, complaints);
	return json_object_get(upper);
}

static struct json_object *merge_objects(const struct config_key *keys,
					 struct json_object *lower,
					 struct json_object *upper,
					 struct complaints *complaints)
{
	struct json_object *merged = json_new_object();

	/* What the lower layers have keeps its place in the order. */
	if (json_object_is_type(lower, json_type_object)) {
		json_object_object_foreach(lower, name, value)
			json_set(merged, name, json_object_get(value));
	}
	json_object_object_foreach(upper, member, above) {
		const struct config_key *key = keys ? key_find(keys, member) : NULL;
		struct json_object *below = NULL;

		if (key_is_remark(member))
			continue;
		(void)json_object_object_get_ex(merged, member, &below);
		if (above)
			json_set(merged, member,
				 merge_values(key, below, above, complaints));
		else
			json_object_object_del(merged, member);
	}
	origin_mark(merged, origin_of(upper));
	return merged;
}

struct json_object *merge_layer(struct json_object *merged, struct json_object *layer,
				struct complaints *complaints)
{
	return merge_objects(config_keys, merged, layer, complaints);
}
