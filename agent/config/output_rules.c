/* SPDX-License-Identifier: MIT */
#include "config/output_rules.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/complaints.h"
#include "config/keys.h"
#include "config/origin.h"
#include "config/shape.h"

#include <string.h>

/*
 * An output becomes a link into what releases share. Two of them at one place, or one in
 * the other, would have one step write into what another one's key stands for.
 */

#define PLACES_MAX 512

/* A path that something has in every release. */
struct place {
	char *label; /* "steps[0].outputs[1]" */
	struct json_object *value;
	const char *path;
};

struct places {
	struct place items[PLACES_MAX];
	size_t count;
};

static void places_done(struct places *places)
{
	for (size_t i = 0; i < places->count; i++)
		free(places->items[i].label);
}

static size_t length_of(struct json_object *list)
{
	return json_object_is_type(list, json_type_array) ? json_object_array_length(list)
							  : 0;
}

/* Whether `inner` is `outer`, or lies in it. */
static bool is_within(const char *inner, const char *outer)
{
	size_t length = strlen(outer);

	return strncmp(inner, outer, length) == 0 &&
		(inner[length] == '\0' || inner[length] == '/');
}

/* What is no path was told in its layer. */
static void add_places(struct places *places, struct json_object *list, const char *label,
		       const char *member)
{
	for (size_t i = 0; i < length_of(list) && places->count < PLACES_MAX; i++) {
		struct json_object *value = json_object_array_get_idx(list, i);
		const char *path;

		if (member)
			value = key_value(value, member);
		path = json_text(value);
		if (path && shape_is_link(path))
			places->items[places->count++] =
				(struct place){ text_format("%s[%zu]", label, i), value,
						path };
	}
}

static void check_place(const struct places *places, const struct place *place,
			struct complaints *complaints)
{
	for (size_t i = 0; i < places->count; i++) {
		const struct place *other = &places->items[i];

		if (!is_within(place->path, other->path) &&
		    !is_within(other->path, place->path))
			continue;
		complaints_add(complaints, origin_of(place->value),
			       "'%s': %s %s: remove one of the two", place->label,
			       other->label,
			       text_is_equal(place->path, other->path)
				       ? "has this path already"
				       : "has a path that lies in this one, or around "
					 "it");
		return;
	}
}

static void check_inputs(struct json_object *step, const struct place *output,
			 const char *label, struct complaints *complaints)
{
	autofree struct places *inputs = memory_new(1, sizeof(*inputs));

	add_places(inputs, key_value(step, "inputs"), label, NULL);
	for (size_t i = 0; i < inputs->count; i++) {
		const struct place *input = &inputs->items[i];

		if (!is_within(input->path, output->path) &&
		    !is_within(output->path, input->path))
			continue;
		complaints_add(complaints, origin_of(output->value),
			       "'%s': %s has a path that is this one, lies in it, or "
			       "around it, and what a step makes cannot decide whether "
			       "it is to be made: remove one of the two",
			       output->label, input->label);
		break;
	}
	places_done(inputs);
}

static void refuse(struct json_object *step, size_t index, const char *name,
		   const char *sentence, struct complaints *complaints)
{
	struct json_object *value = key_value(step, name);

	if (length_of(value) > 0)
		complaints_add(complaints, origin_of(value), "'steps[%zu].%s': %s", index,
			       name, sentence);
}

static void check_step(struct json_object *step, size_t index,
		       struct complaints *complaints)
{
	const char *when = json_text(key_value(step, "when"));

	if (length_of(key_value(step, "outputs")) == 0) {
		refuse(step, index, "inputs",
		       "they decide whether outputs are made anew, and there are none: "
		       "set 'outputs', or remove this key",
		       complaints);
		refuse(step, index, "key_command",
		       "it decides whether outputs are made anew, and there are none: "
		       "set 'outputs', or remove this key",
		       complaints);
		return;
	}
	if (length_of(key_value(step, "inputs")) == 0)
		refuse(step, index, "outputs",
		       "nothing says when they are to be made anew: set 'inputs' to the "
		       "files that the step reads",
		       complaints);
	if (when && strcmp(when, "before-publish") != 0)
		refuse(step, index, "outputs",
		       "only a step before-publish has outputs, since afterwards the "
		       "release is in use: remove 'when', or this key",
		       complaints);
}

static void check_outputs(struct json_object *step, size_t index, struct places *taken,
			  struct complaints *complaints)
{
	autofree char *outputs_label = text_format("steps[%zu].outputs", index);
	autofree char *inputs_label = text_format("steps[%zu].inputs", index);
	autofree struct places *outputs = memory_new(1, sizeof(*outputs));

	add_places(outputs, key_value(step, "outputs"), outputs_label, NULL);
	for (size_t i = 0; i < outputs->count; i++) {
		check_place(taken, &outputs->items[i], complaints);
		check_inputs(step, &outputs->items[i], inputs_label, complaints);
		if (taken->count < PLACES_MAX)
			taken->items[taken->count++] =
				(struct place){ text_copy(outputs->items[i].label),
						outputs->items[i].value,
						outputs->items[i].path };
	}
	places_done(outputs);
}

/* What one step reads must not be what the other makes meanwhile. */
static void check_pair(struct json_object *steps, size_t reader, size_t maker,
		       struct complaints *complaints)
{
	autofree struct places *inputs = memory_new(1, sizeof(*inputs));
	autofree struct places *outputs = memory_new(1, sizeof(*outputs));
	autofree char *inputs_label = text_format("steps[%zu].inputs", reader);
	autofree char *outputs_label = text_format("steps[%zu].outputs", maker);

	add_places(inputs, key_value(json_object_array_get_idx(steps, reader), "inputs"),
		   inputs_label, NULL);
	add_places(outputs, key_value(json_object_array_get_idx(steps, maker), "outputs"),
		   outputs_label, NULL);
	for (size_t i = 0; i < inputs->count; i++)
		for (size_t j = 0; j < outputs->count; j++)
			if (is_within(inputs->items[i].path, outputs->items[j].path) ||
			    is_within(outputs->items[j].path, inputs->items[i].path))
				complaints_add(
					complaints, origin_of(inputs->items[i].value),
					"'%s': %s is made at the same time: remove "
					"'parallel' from one of the two steps",
					inputs->items[i].label, outputs->items[j].label);
	places_done(inputs);
	places_done(outputs);
}

static bool is_before_publish(struct json_object *step)
{
	const char *when = json_text(key_value(step, "when"));

	return !when || strcmp(when, "before-publish") == 0;
}

/* With those before it that run at the same time: all up to the last that runs alone. */
static void check_neighbours(struct json_object *steps, size_t index,
			     struct complaints *complaints)
{
	struct json_object *step = json_object_array_get_idx(steps, index);

	if (!is_before_publish(step) ||
	    !json_object_get_boolean(key_value(step, "parallel")))
		return;
	for (size_t i = index; i > 0; i--) {
		struct json_object *other = json_object_array_get_idx(steps, i - 1);

		if (!is_before_publish(other))
			continue;
		if (!json_object_get_boolean(key_value(other, "parallel")))
			return;
		check_pair(steps, index, i - 1, complaints);
		check_pair(steps, i - 1, index, complaints);
	}
}

void output_rules_check(struct json_object *document, struct complaints *complaints)
{
	autofree struct places *taken = memory_new(1, sizeof(*taken));
	struct json_object *steps = key_value(document, "steps");

	add_places(taken, key_value(document, "release.linked_files"),
		   "release.linked_files", "path");
	add_places(taken, key_value(document, "release.linked_dirs"),
		   "release.linked_dirs", NULL);
	for (size_t i = 0; i < length_of(steps); i++) {
		struct json_object *step = json_object_array_get_idx(steps, i);

		check_step(step, i, complaints);
		check_outputs(step, i, taken, complaints);
		check_neighbours(steps, i, complaints);
	}
	places_done(taken);
}
