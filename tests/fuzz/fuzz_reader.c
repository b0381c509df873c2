/* SPDX-License-Identifier: MIT */
#include "config/reader.h"

#include "base/error.h"
#include "base/json.h"
#include "config/origin.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

/*
 * The strict reader on any bytes. What it takes, json-c must take too and understand in
 * the same way, and every value must have its place; what it refuses must have a sentence
 * that begins with a place.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	autojson struct json_object *document = NULL;
	autojson struct json_object *again = NULL;
	struct error err = { 0 };
	const char *line;

	if (reader_parse((const char *)data, size_bytes, "F", &document, &err) < 0) {
		assert(err.code != 0 && strncmp(err.text, "F:", 2) == 0 && !document);
		return 0;
	}
	check_places(document);
	line = json_line(document);
	if (json_parse(line, strlen(line), "again", &again, &err) < 0 ||
	    !json_object_equal(document, again))
		__builtin_trap();
	return 0;
}
