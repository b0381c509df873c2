/* SPDX-License-Identifier: MIT */
#include "git/attributes.h"

#include "base/memory.h"
#include "base/text.h"
#include "git/wildmatch.h"

#include <string.h>

/*
 * Attributes as git finds them: the file nearest to the path first, in each file the last
 * line first, and what was found first stays. libgit2 has this, too, but asks the file
 * system for whatever a bare repository does not tell it (whether a path is a directory),
 * and looks every path's files up anew; a walk knows both already.
 *
 * Only the tree's own files count: what lies in a mirror's info/ or in a user's home is
 * no part of a revision.
 */

void attributes_init(struct attributes *attributes)
{
	*attributes = (struct attributes){ 0 };
	attrline_names_init(&attributes->names);
}

static void file_done(struct attribute_file *file)
{
	for (size_t i = 0; i < file->rule_count; i++)
		attrline_rule_done(&file->rules[i]);
	free(file->rules);
}

void attributes_done(struct attributes *attributes)
{
	while (attributes->file_count > 0)
		attributes_leave(attributes);
	free(attributes->files);
	free(attributes->values);
	attrline_names_done(&attributes->names);
}

static void for_each_line(const char *text, void (*use)(char *line, void *userdata),
			  void *userdata)
{
	autofree char *copy = text_copy(text);

	for (char *line = copy, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		use(line, userdata);
	}
}

static void learn_macro(char *line, void *userdata)
{
	attrline_learn_macro(line, userdata);
}

static void add_rule(char *line, void *userdata)
{
	struct attributes *attributes = userdata;
	struct attribute_file *file = &attributes->files[attributes->file_count - 1];
	struct attribute_rule rule;

	if (!attrline_parse(line, &attributes->names, file->base_bytes == 0, &rule))
		return;
	file->rules = memory_grow(file->rules, file->rule_count, file->rule_count + 1,
				  sizeof(*file->rules));
	file->rules[file->rule_count++] = rule;
}

void attributes_enter(struct attributes *attributes, size_t base_bytes, const char *text)
{
	attributes->files =
		memory_grow(attributes->files, attributes->file_count,
			    attributes->file_count + 1, sizeof(*attributes->files));
	attributes->files[attributes->file_count++] =
		(struct attribute_file){ .base_bytes = base_bytes };
	/* A macro may be used in lines above the one that defines it. */
	if (base_bytes == 0)
		for_each_line(text, learn_macro, &attributes->names);
	for_each_line(text, add_rule, attributes);
	free(attributes->values);
	attributes->values =
		memory_new(attributes->names.count, sizeof(*attributes->values));
}

void attributes_leave(struct attributes *attributes)
{
	file_done(&attributes->files[--attributes->file_count]);
}

static bool is_match(const struct attribute_rule *rule, const char *path,
		     const char *basename, bool is_directory)
{
	const char *rest = rule->pattern + rule->literal_bytes;

	if (rule->is_directory && !is_directory)
		return false;
	if (rule->is_basename)
		return *rest ? wildmatch_is_match(rule->pattern, basename)
			     : strcmp(rule->pattern, basename) == 0;
	if (strncmp(rule->pattern, path, rule->literal_bytes) != 0)
		return false;
	return wildmatch_is_match(rest, path + rule->literal_bytes);
}

/* The last definition counts; git's own macro is the first of all. */
static const struct attribute_rule *find_macro(const struct attributes *attributes,
					       size_t name)
{
	static struct assignment no_text = { ATTRIBUTE_TEXT, ATTRIBUTE_FALSE, NULL };
	static const struct attribute_rule binary = { .assignments = &no_text,
						      .assignment_count = 1 };
	const struct attribute_file *root = attributes->files;

	for (size_t i = root->base_bytes == 0 ? root->rule_count : 0; i > 0; i--)
		if (!root->rules[i - 1].pattern && root->rules[i - 1].macro == name)
			return &root->rules[i - 1];
	return name == ATTRIBUTE_COUNT ? &binary : NULL;
}

/* Macros name macros: what has a value already is not entered again, so this ends. */
static void apply(struct attributes *attributes, const struct attribute_rule *rule)
{
	for (size_t i = rule->assignment_count; i > 0; i--) {
		const struct assignment *assignment = &rule->assignments[i - 1];
		struct attribute_value *value = &attributes->values[assignment->name];
		const struct attribute_rule *macro;

		if (value->state != ATTRIBUTE_UNSPECIFIED)
			continue;
		*value = (struct attribute_value){ assignment->state, assignment->text };
		macro = assignment->state == ATTRIBUTE_TRUE
			? find_macro(attributes, assignment->name)
			: NULL;
		if (macro)
			apply(attributes, macro);
	}
}

static void apply_file(struct attributes *attributes, const struct attribute_file *file,
		       const char *path, bool is_directory)
{
	const char *slash = strrchr(path, '/');

	for (size_t i = file->rule_count; i > 0; i--) {
		const struct attribute_rule *rule = &file->rules[i - 1];

		if (rule->pattern &&
		    is_match(rule, path + file->base_bytes, slash ? slash + 1 : path,
			     is_directory))
			apply(attributes, rule);
	}
}

const struct attribute_value *attributes_look_up(struct attributes *attributes,
						 const char *path, bool is_directory)
{
	bool has_rules = false;

	for (size_t i = 0; i < attributes->file_count; i++)
		has_rules = has_rules || attributes->files[i].rule_count > 0;
	if (!has_rules)
		return NULL;
	memset(attributes->values, 0,
	       attributes->names.count * sizeof(*attributes->values));
	for (size_t i = attributes->file_count; i > 0; i--)
		apply_file(attributes, &attributes->files[i - 1], path, is_directory);
	return attributes->values;
}
