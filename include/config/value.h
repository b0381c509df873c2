/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_key;
struct json_object;

#define VALUE_WHOLE SIZE_MAX
#define VALUE_SENTENCE_MAX_BYTES 256

/* What is wrong with a value. Zeroed before the first call. */
struct value_fault {
	size_t from;  /* entries before this one are passed over, they were told */
	size_t entry; /* of the list or object; VALUE_WHOLE: all of it */
	const char *entry_name; /* in an object; borrowed from it. NULL: in a list */
	char sentence[VALUE_SENTENCE_MAX_BYTES]; /* "expected …, found …" */
};

/*
 * Reads one value of any type but CONFIG_LIST into its place, freeing what stood there.
 * -EINVAL: it does not fit; the sentence never repeats a text, which may be a secret at
 * the wrong place.
 */
int value_read(const struct config_key *key, struct json_object *value, void *place,
	       struct value_fault *ret_fault) __attribute__((warn_unused_result));

/* What was found instead, for a sentence: "a text", "an empty list", "null". */
const char *value_describe(struct json_object *value);

/* Whether a value was given or has a default. */
bool value_is_set(const struct config_key *key, const void *place);

/* Frees what the value holds. */
void value_free(const struct config_key *key, void *place);

#endif
