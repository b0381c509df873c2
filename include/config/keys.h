/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

enum config_type {
	CONFIG_TEXT,          /* one line, not empty */
	CONFIG_NAME,          /* text_is_name() */
	CONFIG_USER,          /* a user's name */
	CONFIG_HTTP_URL,      /* http or https */
	CONFIG_BRANCH,        /* shape_is_branch() */
	CONFIG_PATH,          /* absolute, without ".." */
	CONFIG_RELATIVE_PATH, /* below the release, without ".." */
	CONFIG_REPOSITORY,    /* repository_transport_of() knows it */
	CONFIG_SECRET,        /* secret_is_name() */
	CONFIG_SECRETS,       /* secret_is_group() */
	CONFIG_UNIT,          /* shape_is_unit() */
	CONFIG_COUNT,         /* a whole number within the limits */
	CONFIG_TIME, /* a time span in a text, kept in milliseconds, within the limits */
	CONFIG_SIZE, /* a size in a text, kept in bytes, within the limits */
	CONFIG_WORD, /* one of the words; its index is kept */
	CONFIG_BOOLEAN,        /* true or false */
	CONFIG_ARGUMENTS,      /* a list of texts, at least one */
	CONFIG_VARIABLES,      /* an object of texts, kept as NAME=value */
	CONFIG_HEADERS,        /* an object of texts, kept as "Name: value" */
	CONFIG_LINES,          /* a list of texts of one line */
	CONFIG_RELATIVE_PATHS, /* a list of paths below the release */
	CONFIG_LIST,           /* a list of objects, each read by `members` */
};

/* One key: all that the parser, the manual and the schema need to know of it. */
struct config_key {
	const char *name; /* with its sections, "source.branch" */
	enum config_type type;
	bool is_required;
	bool is_for_merging;  /* read while layers are put together; kept nowhere */
	size_t offset;        /* in struct config, or in the list's element */
	const char *fallback; /* as a person would write it; NULL: none */
	const char *fallback_directory;   /* of a path: the application's name below it */
	int64_t minimum, maximum;         /* of a count, a time in ms, a size */
	const char *const *words;         /* of a CONFIG_WORD; ends with NULL */
	const struct config_key *members; /* of a CONFIG_LIST; ends with a NULL name */
	const char *identity; /* the member by which lists merge; NULL: they replace */
	size_t member_size_bytes;
	const char *help;
};

/* The values of release.reuse; ends with NULL. */
extern const char *const config_reuse_words[];

/* Every key there is; ends with a NULL name. */
extern const struct config_key config_keys[];

/* Whether a member is a remark, allowed anywhere: "_comment", "x-…". */
bool key_is_remark(const char *name);

/* The row of that name, or NULL. */
const struct config_key *key_find(const struct config_key *keys, const char *name);

/* Whether keys begin with this name and a dot. */
bool key_is_section(const struct config_key *keys, const char *name);

/* The value at a name with its sections, borrowed; NULL: not there, or null. */
struct json_object *key_value(struct json_object *object, const char *name);

/*
 * The key's default as a JSON value; NULL: it has none. `document` is the whole
 * configuration, which a default may depend on. The caller puts it.
 */
struct json_object *key_default(const struct config_key *key,
				struct json_object *document);

/*
 * The key or section that could have been meant, or NULL. The caller frees it.
 */
char *key_nearest(const struct config_key *keys, const char *wanted);

#endif
