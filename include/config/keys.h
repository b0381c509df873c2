/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_type {
	CONFIG_TEXT,     /* one line, not empty */
	CONFIG_NAME,     /* text_is_name() */
	CONFIG_USER,     /* a user's name */
	CONFIG_HTTP_URL, /* http or https */
	CONFIG_PATH,     /* absolute, without ".." */
	CONFIG_COUNT,    /* a whole number within the limits */
	CONFIG_TIME, /* a time span in a text, kept in milliseconds, within the limits */
	CONFIG_WORD, /* one of the words; its index is kept */
	CONFIG_ARGUMENTS, /* a list of texts, at least one */
	CONFIG_VARIABLES, /* an object of texts, kept as NAME=value */
	CONFIG_LIST,      /* a list of objects, each read by `members` */
};

/* One key: all that the parser, the manual and the schema need to know of it. */
struct config_key {
	const char *name; /* with its sections, "source.branch" */
	enum config_type type;
	size_t offset;        /* in struct config, or in the list's element */
	const char *fallback; /* as a person would write it; NULL: none */
	bool is_required;
	int64_t minimum, maximum;         /* of a count, or of a time in milliseconds */
	const char *const *words;         /* of a CONFIG_WORD; ends with NULL */
	const struct config_key *members; /* of a CONFIG_LIST; ends with a NULL name */
	size_t member_size_bytes;
	const char *help;
};

/* Every key there is; ends with a NULL name. */
extern const struct config_key config_keys[];

#endif
