/* SPDX-License-Identifier: MIT */
#include "config/digest.h"

#include "base/json.h"
#include "base/memory.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/*
 * Whether the configuration is still the one that a revision failed with. Every value
 * counts, also one that could hardly matter: a revision that is tried once more for
 * nothing costs less than one that is refused though the change has mended it. The hash
 * is FNV-1a of 64 bits: whoever could look for two configurations with one digest is root
 * and gains nothing, and by chance it is one in 10^19 (and then 'sync --force' helps).
 * The configuration itself is not kept: user data is root's, the file is everybody's.
 */

#define FNV_OFFSET UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

/* With the NUL: where one text ends and the next begins makes a difference. */
static void add_text(uint64_t *hash, const char *text)
{
	size_t length_bytes = strlen(text) + 1;

	for (size_t i = 0; i < length_bytes; i++)
		*hash = (*hash ^ (unsigned char)text[i]) * FNV_PRIME;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_value(uint64_t *hash, struct json_object *value);

static void add_object(uint64_t *hash, struct json_object *object)
{
	size_t count = (size_t)json_object_object_length(object), i = 0;
	autofree const char **names = memory_new(count + 1, sizeof(*names));

	json_object_object_foreach(object, name, ignored) {
		(void)ignored;
		names[i++] = name;
	}
	qsort(names, count, sizeof(*names), compare_names);
	add_text(hash, "{");
	for (i = 0; i < count; i++) {
		/* A name may be anything, also "}". */
		add_text(hash, ":");
		add_text(hash, names[i]);
		add_value(hash, json_object_object_get(object, names[i]));
	}
	add_text(hash, "}");
}

/* In their order, which counts: steps are run in it. */
static void add_array(uint64_t *hash, struct json_object *array)
{
	size_t count = json_object_array_length(array);

	add_text(hash, "[");
	for (size_t i = 0; i < count; i++)
		add_value(hash, json_object_array_get_idx(array, i));
	add_text(hash, "]");
}

static void add_value(uint64_t *hash, struct json_object *value)
{
	if (json_object_is_type(value, json_type_object))
		add_object(hash, value);
	else if (json_object_is_type(value, json_type_array))
		add_array(hash, value);
	else
		/* As JSON: a text has its quotes, and is no bracket of ours. */
		add_text(hash, value ? json_line(value) : "null");
}

void config_digest(struct json_object *effective,
		   char ret_digest[static CONFIG_DIGEST_BYTES])
{
	uint64_t hash = FNV_OFFSET;

	add_value(&hash, effective);
	(void)snprintf(ret_digest, CONFIG_DIGEST_BYTES, "%016" PRIx64, hash);
}
