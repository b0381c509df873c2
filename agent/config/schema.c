/* SPDX-License-Identifier: MIT */
#include "config/schema.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/keys.h"
#include "config/size.h"
#include "config/span.h"

#include <string.h>

/*
 * The key table as a JSON Schema, for editors. Every value may also be null, which
 * restores the default, except in a list's item that nothing could be restored for.
 */

#define DIALECT "https://json-schema.org/draft/2020-12/schema"
#define SPAN_PATTERN                                                                \
	"^ *([0-9]+ *(ms|msec|s|sec|seconds?|m|min|minutes?|h|hr|hours?|d|days?|w|" \
	"weeks?)? *)+$"
#define SIZE_PATTERN "^[0-9]+[KMG]?$"
#define LINE_PATTERN "^[^\\u0000-\\u001f\\u007f]+$"
#define NAME_PATTERN "^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$"
#define PORT_PATTERN                                                    \
	"(:(0*([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}" \
	"|655[0-2][0-9]|6553[0-5]))?)?"
#define URL_PATTERN \
	"^https?://([A-Za-z0-9._~-]+|\\[[0-9A-Fa-f:.]+\\])" PORT_PATTERN "([/?#][!-~]*)?$"
#define BRANCH_PATTERN                                             \
	"^(?![-/.])(?!.*(\\.\\.|//|/\\.|@\\{|\\.lock(/|$)|[/.]$))" \
	"[^\\u0000- ~^:?*\\[\\\\\\u007f]+$"
#define PATH_PATTERN "^(/(?!\\.{1,2}(/|$))[^/\\u0000-\\u001f\\u007f]+)+(?<![.])$"
#define RELATIVE_PATH_PATTERN                          \
	"^(?!(REVISION|current|\\.bootagent)(/|$))"    \
	"(?!\\.{1,2}(/|$))[^/\\u0000-\\u001f\\u007f]+" \
	"(/(?!\\.{1,2}(/|$))[^/\\u0000-\\u001f\\u007f]+)*$"
#define NO_TOKEN_PATTERN "(?!gh[pousr]_|github_pat_|glpat-)"
#define REPOSITORY_PATTERN                                                            \
	"^((https?|ssh)://(" NO_TOKEN_PATTERN "[!-\"$-.0-9;->A-~]{1,40}@)?"           \
	"[!-\"$-.0->A-~]+(/[!-\"$->@-~]*)?|" NO_TOKEN_PATTERN "[!-.0-9;-?A-~]{1,40}@" \
	"[!-.0-9;-?A-~]+:[!-~]+)$"
#define ARN_PATTERN "arn:aws[a-z-]*"
#define PARAMETER_PATTERN "(/?[A-Za-z0-9_.-]+|(/[A-Za-z0-9_.-]+)+)"
#define SECRET_ID_PATTERN \
	ARN_PATTERN ":secretsmanager:[^:]*:[^:]*:secret:[A-Za-z0-9/_+=.@-]+"
#define REFERENCE_PATTERN "/aws/reference/secretsmanager/[A-Za-z0-9/_+=.@-]+"
#define SECRET_PATTERN                                                     \
	"^((" ARN_PATTERN ":ssm:[^:]*:[^:]*:parameter)?" PARAMETER_PATTERN \
	"(:[A-Za-z0-9_.-]+)?|(" SECRET_ID_PATTERN "|" REFERENCE_PATTERN    \
	")(:[!-9;-~]+)?)$"
#define SECRETS_PATTERN \
	"^((/[A-Za-z0-9_.-]+)+/?|" SECRET_ID_PATTERN "|" REFERENCE_PATTERN ")$"
#define VARIABLE_PATTERN "^([A-Za-z_][A-Za-z0-9_]*|x-.*)$"

#define UNIT_PATTERN "^(?=.{1,255}$)(?!\\.)[A-Za-z0-9_.:@\\\\-]*[^@]\\.(service|scope)$"
#define HEADER_PATTERN                                                       \
	"^(?!x-)(?!([Hh][Oo][Ss][Tt]|([Pp][Rr][Oo][Xx][Yy]-)?"               \
	"[Aa][Uu][Tt][Hh][Oo][Rr][Ii][Zz][Aa][Tt][Ii][Oo][Nn]|"              \
	"[Cc][Oo][Oo][Kk][Ii][Ee]|[Cc][Oo][Nn][Nn][Ee][Cc][Tt][Ii][Oo][Nn]|" \
	"[Cc][Oo][Nn][Tt][Ee][Nn][Tt]-[Ll][Ee][Nn][Gg][Tt][Hh]|[Tt][Ee]|"    \
	"[Ee][Xx][Pp][Ee][Cc][Tt]|[Kk][Ee][Ee][Pp]-[Aa][Ll][Ii][Vv][Ee]|"    \
	"[Tt][Rr][Aa][Nn][Ss][Ff][Ee][Rr]-[Ee][Nn][Cc][Oo][Dd][Ii][Nn][Gg]|" \
	"[Uu][Pp][Gg][Rr][Aa][Dd][Ee])$)[A-Za-z0-9_-]+$"
#define HEADER_VALUE_PATTERN "^[!-~]([ -~]*[!-~])?$"

/* What JSON has for each type, and what a text must look like. */
static const struct {
	const char *type;
	const char *pattern;
} kinds[] = {
	[CONFIG_TEXT] = { "string", LINE_PATTERN },
	[CONFIG_NAME] = { "string", NAME_PATTERN },
	[CONFIG_USER] = { "string", NAME_PATTERN },
	[CONFIG_HTTP_URL] = { "string", URL_PATTERN },
	[CONFIG_BRANCH] = { "string", BRANCH_PATTERN },
	[CONFIG_PATH] = { "string", PATH_PATTERN },
	[CONFIG_RELATIVE_PATH] = { "string", RELATIVE_PATH_PATTERN },
	[CONFIG_REPOSITORY] = { "string", REPOSITORY_PATTERN },
	[CONFIG_SECRET] = { "string", SECRET_PATTERN },
	[CONFIG_SECRETS] = { "string", SECRETS_PATTERN },
	[CONFIG_UNIT] = { "string", UNIT_PATTERN },
	[CONFIG_COUNT] = { "integer", NULL },
	[CONFIG_TIME] = { "string", SPAN_PATTERN },
	[CONFIG_SIZE] = { "string", SIZE_PATTERN },
	[CONFIG_WORD] = { NULL, NULL },
	[CONFIG_BOOLEAN] = { "boolean", NULL },
	[CONFIG_ARGUMENTS] = { "array", NULL },
	[CONFIG_VARIABLES] = { "object", NULL },
	[CONFIG_HEADERS] = { "object", NULL },
	[CONFIG_LINES] = { "array", NULL },
	[CONFIG_RELATIVE_PATHS] = { "array", NULL },
	[CONFIG_LIST] = { "array", NULL },
};

static struct json_object *describe_table(const struct config_key *keys,
					  const char *section);

static void add_item(struct json_object *list, const char *text)
{
	struct json_object *item = text ? json_object_new_string(text) : NULL;

	if ((text && !item) || json_object_array_add(list, item) < 0)
		abort();
}

/* {"type": [TYPE, "null"]} */
static struct json_object *new_schema(const char *type)
{
	struct json_object *schema = json_new_object(), *types = json_new_array();

	add_item(types, type);
	add_item(types, "null");
	json_set(schema, "type", types);
	return schema;
}

static struct json_object *new_text(void)
{
	struct json_object *schema = json_new_object();

	json_set_string(schema, "type", "string");
	return schema;
}

static void add_words(struct json_object *schema, const struct config_key *key)
{
	struct json_object *words = json_new_array();

	for (const char *const *word = key->words; *word; word++)
		add_item(words, *word);
	add_item(words, NULL);
	json_set(schema, "enum", words);
}

static void add_arguments(struct json_object *schema)
{
	struct json_object *program = new_text(), *first = json_new_array();

	json_set_string(program, "pattern", LINE_PATTERN);
	if (json_object_array_add(first, program) < 0)
		abort();
	json_set(schema, "prefixItems", first);
	json_set(schema, "items", new_text());
	json_set_integer(schema, "minItems", 1);
}

static void add_texts(struct json_object *schema, const char *pattern)
{
	struct json_object *item = new_text();

	json_set_string(item, "pattern", pattern);
	json_set(schema, "items", item);
}

static void add_variables(struct json_object *schema)
{
	struct json_object *names = json_new_object(), *remarks = json_new_object();

	json_set_string(names, "pattern", VARIABLE_PATTERN);
	json_set(schema, "propertyNames", names);
	json_set(remarks, "^(_comment$|x-)", json_new_object());
	json_set(schema, "patternProperties", remarks);
	json_set(schema, "additionalProperties", new_schema("string"));
}

static void add_headers(struct json_object *schema)
{
	struct json_object *names = json_new_object(), *remarks = json_new_object();
	struct json_object *value = new_schema("string");

	json_set_string(names, "pattern", HEADER_PATTERN);
	json_set(schema, "propertyNames", names);
	json_set(remarks, "^_comment$", json_new_object());
	json_set(schema, "patternProperties", remarks);
	json_set_string(value, "pattern", HEADER_VALUE_PATTERN);
	json_set(schema, "additionalProperties", value);
}

static void add_list(struct json_object *schema, const struct config_key *key)
{
	struct json_object *item = describe_table(key->members, "");
	struct json_object *required = json_new_array();

	json_set_string(item, "type", "object");
	if (key->identity)
		add_item(required, key->identity);
	json_set(item, "required", required);
	json_set(schema, "items", item);
}

static void add_description(struct json_object *schema, const struct config_key *key)
{
	bool is_size = key->type == CONFIG_SIZE;
	char *(*format)(int64_t number) = is_size ? size_format : span_format;
	autofree char *minimum = format(key->minimum);
	autofree char *maximum = format(key->maximum);
	autofree char *text = NULL;

	text = key->type == CONFIG_TIME || is_size
		? text_format("%s A %s, %s to %s.", key->help,
			      is_size ? "size" : "time span", minimum, maximum)
		: text_format("%s%s", key->help, key->is_required ? " Required." : "");
	json_set_string(schema, "description", text);
}

static struct json_object *describe_key(const struct config_key *key)
{
	const char *type = kinds[key->type].type, *pattern = kinds[key->type].pattern;
	struct json_object *schema = type ? new_schema(type) : json_new_object();
	struct json_object *fallback = key->fallback ? key_default(key, NULL) : NULL;

	add_description(schema, key);
	if (fallback)
		json_set(schema, "default", fallback);
	if (pattern)
		json_set_string(schema, "pattern", pattern);
	if (key->type == CONFIG_COUNT) {
		json_set_integer(schema, "minimum", key->minimum);
		json_set_integer(schema, "maximum", key->maximum);
	}
	if (key->type == CONFIG_WORD)
		add_words(schema, key);
	if (key->type == CONFIG_ARGUMENTS)
		add_arguments(schema);
	if (key->type == CONFIG_LINES)
		add_texts(schema, LINE_PATTERN);
	if (key->type == CONFIG_RELATIVE_PATHS)
		add_texts(schema, RELATIVE_PATH_PATTERN);
	if (key->type == CONFIG_VARIABLES)
		add_variables(schema);
	if (key->type == CONFIG_HEADERS)
		add_headers(schema);
	if (key->type == CONFIG_LIST)
		add_list(schema, key);
	return schema;
}

/* A section as a member of the table above it, once. */
static void add_section(struct json_object *properties, const struct config_key *keys,
			const char *section, const char *name)
{
	autofree char *member = text_format("%.*s", (int)strcspn(name, "."), name);
	autofree char *inner = text_format("%s%s.", section, member);
	struct json_object *schema, *types;

	if (json_object_object_get_ex(properties, member, NULL))
		return;
	schema = describe_table(keys, inner);
	types = json_new_array();
	add_item(types, "object");
	add_item(types, "null");
	json_set(schema, "type", types);
	json_set(properties, member, schema);
}

/* The keys of a section ("", "source.") as an object's schema, without its type. */
static struct json_object *describe_table(const struct config_key *keys,
					  const char *section)
{
	struct json_object *schema = json_new_object();
	struct json_object *properties = json_new_object();
	struct json_object *remarks = json_new_object();
	size_t length = strlen(section);

	for (const struct config_key *key = keys; key->name; key++) {
		const char *name = key->name + length;

		if (strncmp(key->name, section, length) != 0)
			continue;
		if (strchr(name, '.'))
			add_section(properties, keys, section, name);
		else
			json_set(properties, name, describe_key(key));
	}
	json_set(schema, "properties", properties);
	json_set(remarks, "^(_comment$|x-)", json_new_object());
	json_set(schema, "patternProperties", remarks);
	json_set_boolean(schema, "additionalProperties", false);
	return schema;
}

struct json_object *schema_new(void)
{
	struct json_object *schema = json_new_object();
	struct json_object *table = describe_table(config_keys, "");

	json_set_string(schema, "$schema", DIALECT);
	json_set_string(schema, "title", "bootagent.json");
	json_set_string(schema, "description",
			"One configuration file of bootagent " BOOTAGENT_VERSION
			"; required keys may stand in another one.");
	json_set_string(schema, "type", "object");
	json_object_object_foreach(table, name, value)
		json_set(schema, name, json_object_get(value));
	json_put_pointer(&table);
	return schema;
}
