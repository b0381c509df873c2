/* SPDX-License-Identifier: MIT */
#ifndef GIT_ATTRLINE_H
#define GIT_ATTRLINE_H

#include <stdbool.h>
#include <stddef.h>

/* The attributes an export asks for; they are the first of all names. */
enum attribute {
	ATTRIBUTE_EXPORT_IGNORE,
	ATTRIBUTE_EXPORT_SUBST,
	ATTRIBUTE_TEXT,
	ATTRIBUTE_CRLF, /* what "text" was called before */
	ATTRIBUTE_EOL,
	ATTRIBUTE_IDENT,
	ATTRIBUTE_ENCODING,
	ATTRIBUTE_FILTER,
	ATTRIBUTE_COUNT,
};

enum attribute_state {
	ATTRIBUTE_UNSPECIFIED, /* nothing was said */
	ATTRIBUTE_UNSET,       /* "!name": it was said that nothing be said */
	ATTRIBUTE_FALSE,
	ATTRIBUTE_TRUE,
	ATTRIBUTE_TEXT_VALUE,
};

struct attribute_value {
	enum attribute_state state;
	const char *text; /* of ATTRIBUTE_TEXT_VALUE; borrowed until the file is left */
};

/* What names mean a thing to us: the attributes above, then macros. */
struct attribute_names {
	char **items;
	size_t count;
};

struct assignment {
	size_t name;
	enum attribute_state state;
	char *text;
};

/* One line of a .gitattributes file, without what concerns no name of ours. */
struct attribute_rule {
	char *pattern;        /* NULL: a macro */
	size_t literal_bytes; /* of the pattern, before its first wildcard */
	bool is_basename;     /* the pattern is about the last component */
	bool is_directory;    /* it matches directories only */
	size_t macro;         /* its name */
	struct assignment *assignments;
	size_t assignment_count;
};

/* The names of the attributes above and of the one macro git has itself. */
void attrline_names_init(struct attribute_names *names);
void attrline_names_done(struct attribute_names *names);

/* Adds the name if the line defines a macro. */
void attrline_learn_macro(const char *line, struct attribute_names *names);

/*
 * Reads a line (changed meanwhile); false: it says nothing, nothing that concerns us, or
 * what git ignores. attrline_rule_done() frees the members.
 */
bool attrline_parse(char *line, const struct attribute_names *names,
		    bool may_define_macros, struct attribute_rule *ret_rule);
void attrline_rule_done(struct attribute_rule *rule);

#endif
