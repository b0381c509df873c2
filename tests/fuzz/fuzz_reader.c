/* SPDX-License-Identifier: MIT */
#include "config/reader.h"

#include "base/json.h"
#include "config/check.h"
#include "config/complaints.h"
#include "config/config.h"
#include "config/effective.h"
#include "config/layers.h"
#include "config/merge.h"
#include "config/origin.h"
#include "config/required.h"
#include "invariants.h"

/*
 * The strict reader on any bytes. What it takes, json-c must take too and understand in
 * the same way, and every value must have its place; what it refuses must have a sentence
 * that begins with a place. What the key table finds nothing wrong with must become a
 * configuration.
 */

static void check_places(struct json_object *value)
{
	size_t index = 0;

	if (!value)
		return;
	assert(origin_of(value).line > 0 && origin_of(value).column > 0);
	if (json_object_is_type(value, json_type_array))
		for (; index < json_object_array_length(value); index++) {
			assert(origin_of_entry(value, index).line > 0);
			check_places(json_object_array_get_idx(value, index));
		}
	if (!json_object_is_type(value, json_type_object))
		return;
	json_object_object_foreach(value, name, member) {
		(void)name;
		assert(origin_of_entry(value, index++).line > 0);
		check_places(member);
	}
	assert(!origin_of_entry(value, index).file);
}

static void check_complaints(const struct complaints *complaints)
{
	struct error err = { 0 };

	for (size_t i = 0; i < complaints_line_count(complaints); i++) {
		autofree char *line = complaints_line(complaints, i);

		assert(*line);
		check_line(line);
	}
	if (complaints->count > 0) {
		int result = complaints_error(complaints, &err);

		check_error(result, &err);
	}
}

/* As the only layer, and twice. */
static void check_keys(struct json_object *document)
{
	struct complaints complaints = { .count = 0 };
	struct layer layer = { .document = document };
	struct layers layers = { .items = &layer, .count = 1 };
	autojson struct json_object *merged = NULL;
	autojson struct json_object *twice = NULL;
	autojson struct json_object *effective = NULL;
	struct config *config = NULL;
	struct error err = { 0 };

	check_layer(document, &complaints);
	merged = merge_layer(NULL, document, &complaints);
	twice = merge_layer(merged, document, &complaints);
	if (complaints.count == 0) {
		effective = effective_new(twice);
		assert(config_read(effective, &config, &err) == 0);
		config_free(config);
	}
	check_complaints(&complaints);
	complaints_done(&complaints);
	layers.merged = twice;
	required_check(&layers);
	check_complaints(&layers.complaints);
	complaints_done(&layers.complaints);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	autojson struct json_object *document = NULL;
	autojson struct json_object *again = NULL;
	struct error err = { 0 };
	int result = reader_parse((const char *)data, size_bytes, "F", &document, &err);

	if (result < 0) {
		check_error(result, &err);
		assert(strncmp(err.text, "F:", 2) == 0 && !document);
		return 0;
	}
	check_places(document);
	/* Not json_parse(): its limit on nesting counts what stands inside, too. */
	again = json_tokener_parse(json_line(document));
	assert(json_object_equal(document, again));
	check_keys(document);
	return 0;
}
