/* SPDX-License-Identifier: MIT */
#include "git/attrline.h"

#include "base/memory.h"
#include "base/text.h"

#include <string.h>

/*
 * A line of gitattributes(5), read as git reads it: what git ignores with a warning (an
 * attribute with an impossible name, a negative pattern, a line that is too long) is
 * ignored as a whole line here, too. Most lines in the world speak of diffs and
 * statistics; they leave no rule behind, so that they cost nothing later.
 */

#define BLANKS " \t\r\n"
#define MACRO_PREFIX "[attr]"
#define LINE_MAX_BYTES 2048
#define BINARY_MACRO ATTRIBUTE_COUNT

static const char *const known[] = {
	[ATTRIBUTE_EXPORT_IGNORE] = "export-ignore",
	[ATTRIBUTE_EXPORT_SUBST] = "export-subst",
	[ATTRIBUTE_TEXT] = "text",
	[ATTRIBUTE_CRLF] = "crlf",
	[ATTRIBUTE_EOL] = "eol",
	[ATTRIBUTE_IDENT] = "ident",
	[ATTRIBUTE_ENCODING] = "working-tree-encoding",
	[ATTRIBUTE_FILTER] = "filter",
	[BINARY_MACRO] = "binary",
};

static bool find_name(const struct attribute_names *names, const char *text,
		      size_t length, size_t *ret_name)
{
	for (size_t i = 0; i < names->count; i++) {
		if (strlen(names->items[i]) != length ||
		    memcmp(names->items[i], text, length) != 0)
			continue;
		*ret_name = i;
		return true;
	}
	return false;
}

static void add_name(struct attribute_names *names, const char *text, size_t length)
{
	size_t ignored;

	if (find_name(names, text, length, &ignored))
		return;
	names->items = memory_grow(names->items, names->count, names->count + 1,
				   sizeof(*names->items));
	names->items[names->count++] = text_format("%.*s", (int)length, text);
}

void attrline_names_init(struct attribute_names *names)
{
	*names = (struct attribute_names){ 0 };
	for (size_t i = 0; i < ARRAY_COUNT(known); i++)
		add_name(names, known[i], strlen(known[i]));
}

void attrline_names_done(struct attribute_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
	*names = (struct attribute_names){ 0 };
}

static bool is_valid_name(const char *text, size_t length)
{
	static const char allowed[] = "-._0123456789abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	return length > 0 && *text != '-' && strspn(text, allowed) >= length;
}

void attrline_learn_macro(const char *line, struct attribute_names *names)
{
	const char *name = line + strspn(line, BLANKS);
	size_t length;

	if (strncmp(name, MACRO_PREFIX, strlen(MACRO_PREFIX)) != 0)
		return;
	name += strlen(MACRO_PREFIX);
	length = strcspn(name, BLANKS);
	if (is_valid_name(name, length))
		add_name(names, name, length);
}

static bool unquote_octal(const char **from, char *ret_byte)
{
	const char *p = *from;

	if (p[0] < '0' || p[0] > '3' || p[1] < '0' || p[1] > '7' || p[2] < '0' ||
	    p[2] > '7')
		return false;
	*ret_byte = (char)((p[0] - '0') << 6 | (p[1] - '0') << 3 | (p[2] - '0'));
	*from = p + 3;
	return true;
}

/* After a backslash. */
static bool unquote_escape(const char **from, char *ret_byte)
{
	static const char letters[] = "abfnrtv\\\"", bytes[] = "\a\b\f\n\r\t\v\\\"";
	const char *letter = **from ? strchr(letters, **from) : NULL;

	if (!letter)
		return unquote_octal(from, ret_byte);
	*ret_byte = bytes[letter - letters];
	++*from;
	return true;
}

/* A pattern in double quotes; *ret_end is behind the closing one. NULL: it has none. */
static char *unquote(const char *quoted, const char **ret_end)
{
	autofree char *pattern = memory_new(strlen(quoted), 1);
	size_t length = 0;

	for (const char *p = quoted + 1; *p;) {
		if (*p == '"') {
			*ret_end = p + 1;
			return TAKE(pattern);
		}
		if (*p != '\\') {
			pattern[length++] = *p++;
			continue;
		}
		p++;
		if (!unquote_escape(&p, &pattern[length++]))
			return NULL;
	}
	return NULL;
}

static bool add_assignment(struct attribute_rule *rule,
			   const struct attribute_names *names, char *word)
{
	struct assignment assignment = { .state = ATTRIBUTE_TRUE };
	char *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) : strlen(word);
	bool is_signed = *word == '-' || *word == '!';

	if (is_signed) {
		assignment.state = *word == '-' ? ATTRIBUTE_FALSE : ATTRIBUTE_UNSET;
		word++;
		length--;
	} else if (equals) {
		assignment.state = ATTRIBUTE_TEXT_VALUE;
	}
	if (!is_valid_name(word, length))
		return false;
	if (!find_name(names, word, length, &assignment.name))
		return true;
	if (assignment.state == ATTRIBUTE_TEXT_VALUE)
		assignment.text = text_copy(equals + 1);
	rule->assignments =
		memory_grow(rule->assignments, rule->assignment_count,
			    rule->assignment_count + 1, sizeof(*rule->assignments));
	rule->assignments[rule->assignment_count++] = assignment;
	return true;
}

/* false: one of them is impossible, and the whole line with it. */
static bool parse_assignments(struct attribute_rule *rule,
			      const struct attribute_names *names, char *words)
{
	char *rest = NULL;

	for (char *word = strtok_r(words, BLANKS, &rest); word;
	     word = strtok_r(NULL, BLANKS, &rest))
		if (!add_assignment(rule, names, word))
			return false;
	return true;
}

static bool parse_macro(struct attribute_rule *rule, const struct attribute_names *names,
			const char *text)
{
	const char *name = text + strlen(MACRO_PREFIX);

	return find_name(names, name, strlen(name), &rule->macro);
}

/* Takes the pattern apart as git does; false: a negative one. */
static bool parse_pattern(struct attribute_rule *rule, char *pattern)
{
	size_t length = strlen(pattern), literal = strcspn(pattern, "*?[\\");
	bool is_anchored;

	if (*pattern == '!')
		return false;
	rule->is_directory = length > 0 && pattern[length - 1] == '/';
	if (rule->is_directory)
		pattern[--length] = '\0';
	rule->is_basename = !strchr(pattern, '/');
	is_anchored = *pattern == '/';
	literal = literal < length ? literal : length;
	rule->literal_bytes = literal - is_anchored;
	rule->pattern = text_copy(pattern + is_anchored);
	return true;
}

void attrline_rule_done(struct attribute_rule *rule)
{
	for (size_t i = 0; i < rule->assignment_count; i++)
		free(rule->assignments[i].text);
	free(rule->assignments);
	free(rule->pattern);
	*rule = (struct attribute_rule){ 0 };
}

/* The line's first word, and where the others begin. */
static char *take_pattern(char *line, char **ret_words)
{
	const char *end;
	char *pattern = *line == '"' ? unquote(line, &end) : NULL;

	if (pattern) {
		*ret_words = line + (end - line);
		return pattern;
	}
	*ret_words = line + strcspn(line, BLANKS);
	return text_format("%.*s", (int)(*ret_words - line), line);
}

bool attrline_parse(char *line, const struct attribute_names *names,
		    bool may_define_macros, struct attribute_rule *ret_rule)
{
	struct attribute_rule rule = { 0 };
	autofree char *pattern = NULL;
	char *words;
	bool is_macro, is_good;

	if (strlen(line) >= LINE_MAX_BYTES)
		return false;
	line += strspn(line, BLANKS);
	if (!*line || *line == '#')
		return false;
	pattern = take_pattern(line, &words);
	is_macro = strlen(pattern) > strlen(MACRO_PREFIX) &&
		strncmp(pattern, MACRO_PREFIX, strlen(MACRO_PREFIX)) == 0;
	if (is_macro)
		is_good = may_define_macros && parse_macro(&rule, names, pattern);
	else
		is_good = parse_pattern(&rule, pattern);
	is_good = is_good && parse_assignments(&rule, names, words) &&
		(is_macro || rule.assignment_count > 0);
	if (!is_good) {
		attrline_rule_done(&rule);
		return false;
	}
	*ret_rule = rule;
	return true;
}
