/* SPDX-License-Identifier: MIT */
#include "tree/wanted.h"

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "base/wire.h"
#include "tree/depot.h"
#include "tree/links.h"
#include "tree/request.h"

#include <errno.h>
#include <stdbool.h>

/* What the verbs about step outputs are told, checked once for all of them. */

static int read_texts(const struct json_object *request, const char *key, bool is_needed,
		      struct json_object **ret_texts, struct error *err)
{
	struct json_object *texts = json_member(request, key, json_type_array);
	size_t count = texts ? json_object_array_length(texts) : 0;

	if (is_needed && count == 0)
		return error_set(err, EINVAL, "the request lacks '%s': list them", key);
	for (size_t i = 0; i < count; i++)
		if (!json_text(json_object_array_get_idx(texts, i)))
			return error_set(err, EINVAL,
					 "'%s' has an entry that is no text: make it one",
					 key);
	*ret_texts = texts;
	return 0;
}

static int read_paths(const struct json_object *request, const char *key,
		      struct json_object **ret_paths, struct error *err)
{
	int result = read_texts(request, key, true, ret_paths, err);

	for (size_t i = 0; result == 0 && i < json_object_array_length(*ret_paths); i++) {
		const char *path = json_text(json_object_array_get_idx(*ret_paths, i));
		const char *fault = links_path_fault(path);

		if (fault)
			return error_set(err, EINVAL, "'%s' cannot be in '%s': %s", path,
					 key, fault);
	}
	return result;
}

static int read_name(const struct json_object *request, const char *key,
		     const char **ret_name, struct error *err)
{
	int result = wire_require_string(request, key, ret_name, err);

	if (result == 0 && !text_is_name(*ret_name))
		return error_set(err, EINVAL, "'%s' is no name of a %s", *ret_name, key);
	return result;
}

static int read_names(const struct json_object *request, struct wanted *wanted,
		      struct error *err)
{
	int result = request_release(request, &wanted->release, err);

	if (result == 0)
		result = request_revision(request, &wanted->revision, err);
	if (result == 0)
		result = read_name(request, "run", &wanted->run, err);
	if (result == 0)
		result = read_name(request, "step", &wanted->step, err);
	return result;
}

int wanted_read(const struct json_object *request, struct wanted *ret_wanted,
		struct error *err)
{
	struct wanted wanted = {
		.remembered = json_member(request, "remembered", json_type_object),
		.path = json_string(request, "path"),
		.answer = json_string(request, "answer"),
		.key = json_string(request, "key"),
	};
	int result = read_names(request, &wanted, err);

	if (result == 0)
		result = read_texts(request, "command", true, &wanted.command, err);
	if (result == 0)
		result = read_paths(request, "inputs", &wanted.inputs, err);
	if (result == 0)
		result = read_paths(request, "outputs", &wanted.outputs, err);
	if (result == 0)
		result = read_texts(request, "environment", false, &wanted.environment,
				    err);
	if (result == 0)
		result = read_texts(request, "key_command", false, &wanted.key_command,
				    err);
	if (result == 0 && wanted.key && !depot_is_key(wanted.key))
		result = error_set(err, EINVAL, "'%s' is no key of outputs", wanted.key);
	if (result == 0)
		*ret_wanted = wanted;
	return result;
}

size_t wanted_count(const struct wanted *wanted)
{
	return json_object_array_length(wanted->outputs);
}

const char *wanted_output(const struct wanted *wanted, size_t index)
{
	return json_text(json_object_array_get_idx(wanted->outputs, index));
}

char *wanted_temporary_name(const struct wanted *wanted)
{
	return text_format(DEPOT_TEMPORARY "%s.%s", wanted->run, wanted->step);
}

char *wanted_own_name(const struct wanted *wanted)
{
	return text_format("%s-%s.%s", wanted->key, wanted->run, wanted->step);
}
