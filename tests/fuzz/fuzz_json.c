/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include "invariants.h"

/*
 * JSON of machines, as the metadata service, AWS, workers and our own state write it.
 * What is taken is the same when it is written out and read again, and no text of it
 * hides what follows a NUL.
 */

static void check_texts(struct json_object *value)
{
	const char *text = json_text(value);

	if (text)
		assert(strlen(text) == (size_t)json_object_get_string_len(value));
	if (json_object_is_type(value, json_type_array))
		for (size_t i = 0; i < json_object_array_length(value); i++)
			check_texts(json_object_array_get_idx(value, i));
	if (!json_object_is_type(value, json_type_object))
		return;
	json_object_object_foreach(value, key, member) {
		assert(!json_string(value, key) ||
		       json_string(value, key) == json_text(member));
		assert(json_member(value, key, json_object_get_type(member)) == member);
		check_texts(member);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	autofree char *text = input_copy(data, size_bytes);
	autofree char *line = NULL;
	autojson struct json_object *document = NULL;
	autojson struct json_object *again = NULL;
	struct error err = { 0 };
	int result = json_parse(text, size_bytes, "it", &document, &err);

	if (result < 0) {
		check_error(result, &err);
		assert(!document);
		return 0;
	}
	check_texts(document);
	if (!document)
		return 0;
	line = text_copy(json_line(document));
	assert(!strpbrk(line, "\r\n"));
	result = json_parse(line, strlen(line), "it", &again, &err);
	/* Not json_object_equal(): json-c takes NaN, too, which equals nothing. */
	assert(result == 0 && strcmp(json_line(again), line) == 0);
	return 0;
}
