/* SPDX-License-Identifier: MIT */
#include "config/check.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/complaints.h"
#include "config/config.h"
#include "config/keys.h"
#include "config/value.h"

#include <string.h>

/*
 * A document against the key table. The document is walked, not the table, so that every
 * member is known by a row or refused: a misspelt key never passes for an absent one. One
 * complaint does not end the walk.
 */

#define LIST_ITEMS_MAX 256

/* What one table is held against, and how its keys are called in complaints. */
struct walk {
	const struct config_key *keys;
	const char *label; /* "", or "steps[2]." */
	struct complaints *complaints;
};

struct member {
	const char *name; /* with its sections */
	struct json_object *value;
	struct origin key; /* where its key stands */
};

static void check_list(const struct walk *walk, const struct config_key *key,
		       struct json_object *list);

/* Where the value stands, or its key if that is null. */
static struct origin place_of(const struct member *member)
{
	return member->value ? origin_of(member->value) : member->key;
}

static void complain_of(const struct walk *walk, const struct member *member,
			const struct value_fault *fault)
{
	struct origin origin = place_of(member);
	autofree char *entry = text_copy("");

	if (fault->entry != VALUE_WHOLE) {
		origin = origin_of_entry(member->value, fault->entry);
		free(entry);
		entry = fault->entry_name ? text_format(".%.64s", fault->entry_name)
					  : text_format("[%zu]", fault->entry);
	}
	complaints_add(walk->complaints, origin, "'%s%s%s': %s", walk->label,
		       member->name, entry, fault->sentence);
}

/* Every entry of a list or object is looked at, but not more often than is told. */
static void check_value(const struct walk *walk, const struct config_key *key,
			const struct member *member)
{
	union {
		int64_t number;
		bool boolean;
		char *text;
		struct config_texts texts;
	} place = { .texts = { 0 } };
	struct value_fault fault = { .from = 0 };

	for (int told = 0; told < COMPLAINTS_KEPT_MAX; told++) {
		if (value_read(key, member->value, &place, &fault) == 0)
			break;
		complain_of(walk, member, &fault);
		if (fault.entry == VALUE_WHOLE)
			break;
		fault.from = fault.entry + 1;
	}
	value_free(key, &place);
}

static void complain_unknown(const struct walk *walk, const struct member *member,
			     bool is_dotted)
{
	autofree char *near = key_nearest(walk->keys, member->name);

	if (is_dotted && key_find(walk->keys, member->name))
		complaints_add(walk->complaints, member->key,
			       "unknown key '%s%.64s': write it as '%.*s', an object "
			       "that has '%s'",
			       walk->label, member->name, (int)strcspn(member->name, "."),
			       member->name, strchr(member->name, '.') + 1);
	else if (near && !is_dotted)
		complaints_add(walk->complaints, member->key,
			       "unknown key '%s%.64s': did you mean '%s%s'?", walk->label,
			       member->name, walk->label, near);
	else
		complaints_add(walk->complaints, member->key,
			       "unknown key '%s%.64s': see bootagent.json(5) for the "
			       "keys there are",
			       walk->label, member->name);
}

static void check_members(const struct walk *walk, const char *section,
			  struct json_object *object);

static void check_member(const struct walk *walk, const struct member *member,
			 bool is_dotted)
{
	const struct config_key *key =
		is_dotted ? NULL : key_find(walk->keys, member->name);

	if (!key && (is_dotted || !key_is_section(walk->keys, member->name))) {
		complain_unknown(walk, member, is_dotted);
		return;
	}
	/* null restores the default, of a section's keys all. */
	if (!member->value)
		return;
	if (key && key->type == CONFIG_LIST) {
		check_list(walk, key, member->value);
	} else if (key) {
		check_value(walk, key, member);
	} else if (!json_object_is_type(member->value, json_type_object)) {
		complaints_add(walk->complaints, place_of(member),
			       "'%s%s': expected an object, found %s", walk->label,
			       member->name, value_describe(member->value));
	} else {
		autofree char *inner = text_format("%s.", member->name);

		check_members(walk, inner, member->value);
	}
}

static void check_members(const struct walk *walk, const char *section,
			  struct json_object *object)
{
	size_t index = 0;

	json_object_object_foreach(object, name, value) {
		autofree char *full = text_format("%s%s", section, name);
		const struct member member = { full, value,
					       origin_of_entry(object, index++) };

		/* "source.branch" as one name is no short form: one way to write it. */
		if (!key_is_remark(name))
			check_member(walk, &member, strchr(name, '.') != NULL);
	}
}

/* Complains of the second of two items with one name. */
static void check_identity(const struct walk *walk, const struct config_key *key,
			   struct json_object *list, size_t index)
{
	struct json_object *item = json_object_array_get_idx(list, index);
	const char *name = json_string(item, key->identity);

	if (!key_value(item, key->identity))
		complaints_add(walk->complaints, origin_of(item),
			       "'%s%s' is missing: set it. %s", walk->label,
			       key->identity,
			       key_find(key->members, key->identity)->help);
	if (!name)
		return;
	for (size_t i = 0; i < index; i++) {
		const struct json_object *other = json_object_array_get_idx(list, i);

		if (!text_is_equal(json_string(other, key->identity), name))
			continue;
		complaints_add(walk->complaints,
			       origin_of(key_value(item, key->identity)),
			       "'%s%s': %s[%zu] has this %s already: rename one of the "
			       "two",
			       walk->label, key->identity, key->name, i, key->identity);
		return;
	}
}

/* The keys that say what becomes of an item contradict each other. */
static void check_placing(const struct walk *walk, const struct config_key *key,
			  struct json_object *item)
{
	struct json_object *after = key_value(item, "after");

	if (key_value(item, "before") && after)
		complaints_add(
			walk->complaints, origin_of(after),
			"'%safter': 'before' is set as well: remove one of the two",
			walk->label);
	if (!json_boolean(item, "remove"))
		return;
	json_object_object_foreach(item, name, value) {
		if (!value || key_is_remark(name) || strcmp(name, "remove") == 0 ||
		    strcmp(name, key->identity) == 0)
			continue;
		complaints_add(walk->complaints, origin_of(value),
			       "'%s%s': what is removed has no other keys: remove this "
			       "one, or 'remove'",
			       walk->label, name);
	}
}

static void check_item(const struct walk *walk, const struct config_key *key,
		       struct json_object *list, size_t index)
{
	struct json_object *item = json_object_array_get_idx(list, index);
	autofree char *label = text_format("%s%s[%zu].", walk->label, key->name, index);
	const struct walk inner = { key->members, label, walk->complaints };

	if (!json_object_is_type(item, json_type_object)) {
		complaints_add(walk->complaints, origin_of_entry(list, index),
			       "'%s%s[%zu]': expected an object, found %s", walk->label,
			       key->name, index, value_describe(item));
		return;
	}
	check_members(&inner, "", item);
	if (!key->identity)
		return;
	check_identity(&inner, key, list, index);
	check_placing(&inner, key, item);
}

static void check_list(const struct walk *walk, const struct config_key *key,
		       struct json_object *list)
{
	size_t count;

	if (!json_object_is_type(list, json_type_array)) {
		complaints_add(walk->complaints, origin_of(list),
			       "'%s%s': expected a list of objects, found %s",
			       walk->label, key->name, value_describe(list));
		return;
	}
	count = json_object_array_length(list);
	if (count > LIST_ITEMS_MAX) {
		complaints_add(walk->complaints, origin_of(list),
			       "'%s%s': expected at most %d items, found %zu",
			       walk->label, key->name, LIST_ITEMS_MAX, count);
		return;
	}
	for (size_t i = 0; i < count; i++)
		check_item(walk, key, list, i);
}

void check_layer(struct json_object *document, struct complaints *complaints)
{
	const struct walk walk = { config_keys, "", complaints };

	check_members(&walk, "", document);
}
