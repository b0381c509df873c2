/* SPDX-License-Identifier: MIT */
#include "secrets/replies.h"

#include "aws/aws.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/keys.h"
#include "config/shape.h"
#include "secrets/environment.h"
#include "secrets/secrets_types.h"

#include <errno.h>
#include <string.h>

/*
 * From AWS's answers to values. A parameter is matched by what it was asked for: its
 * name, its name and selector (":3", ":live"), or its ARN.
 */

#define VARIABLES_MAX 256

/* "NAME" or "NAME:SELECTOR" is what was asked for. */
static bool is_meant(const char *id, const char *name, const char *selector)
{
	size_t length = name ? strlen(name) : 0;

	return name && strncmp(id, name, length) == 0 &&
		strcmp(id + length, selector ? selector : "") == 0;
}

static bool is_parameter_of(const struct secret *secret,
			    const struct json_object *parameter)
{
	const char *selector = json_string(parameter, "Selector");

	return secret->name.store == SECRET_PARAMETER &&
		(is_meant(secret->name.id, json_string(parameter, "Name"), selector) ||
		 is_meant(secret->name.id, json_string(parameter, "ARN"), selector));
}

static int keep(struct secret *secret, const char *value, struct error *err)
{
	if (!value || !*value)
		return error_set(err, EINVAL, "'%s' (%s) holds no text", secret->text,
				 secret->key);
	free(secret->value);
	secret->value = text_copy(value);
	return 0;
}

static const char *key_of(const struct secrets *secrets, const char *id)
{
	for (size_t i = 0; i < secrets->count; i++)
		if (text_is_equal(secrets->items[i].name.id, id))
			return secrets->items[i].key;
	return "";
}

/* All of them at once, so that a person mends them once. */
static int refuse_unknown(const struct secrets *secrets, struct json_object *ids,
			  struct error *err)
{
	autofree char *list = text_copy("");

	for (size_t i = 0; i < json_object_array_length(ids); i++) {
		const char *id = json_text(json_object_array_get_idx(ids, i));
		char *longer = text_format("%s%s'%s' (%s)", list, i ? ", " : "",
					   id ? id : "", key_of(secrets, id));

		free(list);
		list = longer;
	}
	return error_set(err, ENOENT,
			 "the Parameter Store of %s has no %.380s: create it, or correct "
			 "the name",
			 secrets->aws ? secrets->aws->region : "this region", list);
}

int replies_take_parameters(struct secrets *secrets, const struct json_object *reply,
			    struct error *err)
{
	struct json_object *list = json_member(reply, "Parameters", json_type_array);
	struct json_object *unknown =
		json_member(reply, "InvalidParameters", json_type_array);
	size_t count = list ? json_object_array_length(list) : 0, kept = 0;
	int result = 0;

	if (unknown && json_object_array_length(unknown) > 0)
		return refuse_unknown(secrets, unknown, err);
	for (size_t i = 0; i < count; i++) {
		const struct json_object *parameter = json_object_array_get_idx(list, i);

		for (size_t j = 0; j < secrets->count && result == 0; j++) {
			if (secrets->items[j].value ||
			    !is_parameter_of(&secrets->items[j], parameter))
				continue;
			result = keep(&secrets->items[j], json_string(parameter, "Value"),
				      err);
			kept++;
		}
	}
	/* Or it would be asked for again, and again. */
	if (result == 0 && kept == 0)
		result = error_set(err, EPROTO,
				   "the Parameter Store did not say what was asked for");
	return result;
}

/* Facts P2: nobody slips a library into root's units; and steps rely on ours. */
static bool is_reserved(const char *name)
{
	return strncmp(name, "LD_", 3) == 0 || strncmp(name, "BOOTAGENT_", 10) == 0;
}

static int add_variable(struct secrets *secrets, const char *name, const char *value,
			struct error *err)
{
	struct config_texts *variables = &secrets->variables;

	if (name && is_reserved(name))
		return error_set(
			err, EINVAL,
			"below '%s' (application.environment_parameters) '%s' is "
			"not for parameters to set: LD_* changes what programs "
			"are, BOOTAGENT_* is the agent's; remove it",
			secrets->group, name);
	if (!name || !shape_is_variable(name))
		return error_set(
			err, EINVAL,
			"below '%s' (application.environment_parameters) '%s' "
			"can be no variable's name: rename it to letters, digits "
			"and '_'",
			secrets->group, name ? name : "");
	if (!environment_can_hold(value))
		return error_set(err, EINVAL,
				 "below '%s' (application.environment_parameters) the "
				 "value of '%s' is no text that a variable can hold: no "
				 "control characters but tab and line end",
				 secrets->group, name);
	if (variables->count == VARIABLES_MAX)
		return error_set(err, EINVAL,
				 "below '%s' (application.environment_parameters) are "
				 "more than %d variables",
				 secrets->group, VARIABLES_MAX);
	variables->items =
		memory_grow(variables->items, variables->count ? variables->count + 1 : 0,
			    variables->count + 2, sizeof(*variables->items));
	variables->items[variables->count++] = text_format("%s=%s", name, value);
	return 0;
}

static int end_group(struct secrets *secrets, struct error *err)
{
	if (secrets->variables.count == 0)
		return error_set(err, ENOENT,
				 "there is nothing below '%s' "
				 "(application.environment_parameters): create the "
				 "parameters, or remove the key",
				 secrets->group);
	secrets->is_group_known = true;
	return 0;
}

int replies_take_page(struct secrets *secrets, const struct json_object *reply,
		      struct error *err)
{
	struct json_object *list = json_member(reply, "Parameters", json_type_array);
	const char *next = json_string(reply, "NextToken");
	size_t count = list ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < count; i++) {
		const struct json_object *parameter = json_object_array_get_idx(list, i);
		const char *path = json_string(parameter, "Name");
		const char *slash = path ? strrchr(path, '/') : NULL;
		int result = add_variable(secrets, slash ? slash + 1 : path,
					  json_string(parameter, "Value"), err);

		if (result < 0)
			return result;
	}
	free(secrets->next_page);
	secrets->next_page = next && *next ? text_copy(next) : NULL;
	return secrets->next_page ? 0 : end_group(secrets, err);
}

/*
 * A member as text, borrowed: databases' secrets have their port as a number. NULL: it is
 * no single value.
 */
static const char *plain_text(struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_string:
		return json_text(value);
	case json_type_boolean:
	case json_type_double:
	case json_type_int:
		return json_object_get_string(value);
	default:
		return NULL;
	}
}

/* The reply's text as a JSON object, which the caller puts. */
static int read_members(const struct json_object *reply, const char *text,
			struct json_object **ret_members, struct error *err)
{
	const char *value = json_string(reply, "SecretString");
	struct error ignored;

	if (value &&
	    json_parse(value, strlen(value), "secret", ret_members, &ignored) == 0) {
		if (json_object_is_type(*ret_members, json_type_object))
			return 0;
		json_put_pointer(ret_members);
		*ret_members = NULL;
	}
	return error_set(err, EINVAL,
			 "the secret '%s' is no JSON object of texts: store it as keys "
			 "and values",
			 text);
}

int replies_take_secret(struct secret *secret, const struct json_object *reply,
			struct error *err)
{
	const char *member = secret->name.member;
	autojson struct json_object *members = NULL;
	const char *text;
	int result;

	if (!member)
		return keep(secret, json_string(reply, "SecretString"), err);
	result = read_members(reply, secret->text, &members, err);
	if (result < 0)
		return result;
	text = plain_text(key_value(members, member));
	if (!text)
		return error_set(err, EINVAL,
				 "the secret of '%s' (%s) has no text or number of the "
				 "key '%s'",
				 secret->text, secret->key, member);
	result = keep(secret, text, err);
	json_wipe(members);
	return result;
}

static int refuse_member(const struct secrets *secrets, const char *name,
			 struct error *err)
{
	return error_set(err, EINVAL,
			 "in '%s' (application.environment_parameters) '%.64s' is no "
			 "text, number, true or false: a variable holds one of these",
			 secrets->group, name);
}

int replies_take_group(struct secrets *secrets, const struct json_object *reply,
		       struct error *err)
{
	autojson struct json_object *members = NULL;
	int result = read_members(reply, secrets->group, &members, err);

	if (result < 0)
		return result;
	json_object_object_foreach(members, name, value) {
		const char *text = plain_text(value);

		result = text ? add_variable(secrets, name, text, err)
			      : refuse_member(secrets, name, err);
		if (result < 0)
			break;
	}
	json_wipe(members);
	return result < 0 ? result : end_group(secrets, err);
}
