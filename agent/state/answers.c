/* SPDX-License-Identifier: MIT */
#include "state/answers.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdbool.h>
#include <string.h>

/*
 * What the key_commands of steps said, so that none is asked again while its program is
 * the same file. Root's own: what the application's user could write would be believed.
 * Nothing depends on it but time, so a damaged file is as good as none.
 */

#define ANSWERS_FILE "key-commands.json"
#define ANSWERS_MODE 0600
#define ANSWERS_SCHEMA 1
#define FILE_MAX_BYTES ((ANSWERS_MAX + 1) * (size_t)ANSWER_MAX_BYTES)

static struct json_object *load(int state_fd)
{
	struct json_object *document = NULL;
	struct error ignored;

	if (json_load(state_fd, ANSWERS_FILE, FILE_MAX_BYTES, &document, &ignored) < 0)
		return NULL;
	if (json_integer(document, "schema", 0) == ANSWERS_SCHEMA &&
	    json_member(document, "answers", json_type_array))
		return document;
	json_put_pointer(&document);
	return NULL;
}

static bool is_of(const struct json_object *entry, const struct json_object *arguments,
		  const struct json_object *environment)
{
	return json_object_equal(json_member(entry, "arguments", json_type_array),
				 (struct json_object *)arguments) &&
		json_object_equal(json_member(entry, "environment", json_type_array),
				  (struct json_object *)environment);
}

struct json_object *answers_find(int state_fd, const struct json_object *arguments,
				 const struct json_object *environment)
{
	autojson struct json_object *document = load(state_fd);
	struct json_object *answers = json_member(document, "answers", json_type_array);
	size_t count = answers ? json_object_array_length(answers) : 0;

	for (size_t i = 0; i < count; i++) {
		struct json_object *entry = json_object_array_get_idx(answers, i);

		if (is_of(entry, arguments, environment))
			return json_object_get(
				json_member(entry, "known", json_type_object));
	}
	return NULL;
}

/* All but that one, and of the others the latest. */
static struct json_object *take_others(struct json_object *document,
				       const struct json_object *arguments,
				       const struct json_object *environment)
{
	struct json_object *answers = json_member(document, "answers", json_type_array);
	size_t count = answers ? json_object_array_length(answers) : 0;
	struct json_object *others = json_new_array();
	size_t first = count >= ANSWERS_MAX ? count - (ANSWERS_MAX - 1) : 0;

	for (size_t i = first; i < count; i++) {
		struct json_object *entry = json_object_array_get_idx(answers, i);

		if (!is_of(entry, arguments, environment))
			json_add(others, json_object_get(entry));
	}
	return others;
}

int answers_save(int state_fd, struct json_object *arguments,
		 struct json_object *environment, struct json_object *known,
		 struct error *err)
{
	autojson struct json_object *before = load(state_fd);
	autojson struct json_object *document = json_new_object();
	autojson struct json_object *entry = json_new_object();
	autofree char *text = NULL;
	struct json_object *answers;

	json_set(entry, "arguments", json_object_get(arguments));
	json_set(entry, "environment", json_object_get(environment));
	json_set(entry, "known", json_object_get(known));
	if (strlen(json_line(entry)) > ANSWER_MAX_BYTES)
		return 0;
	answers = take_others(before, arguments, environment);
	json_add(answers, json_object_get(entry));
	json_set_integer(document, "schema", ANSWERS_SCHEMA);
	json_set(document, "answers", answers);
	text = text_format("%s\n", json_line(document));
	return file_write(state_fd, ANSWERS_FILE, text, ANSWERS_MODE, FILE_DURABLE, err);
}
