/* SPDX-License-Identifier: MIT */
#include "tree/gemfile.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdbool.h>
#include <string.h>

/*
 * A Gemfile is a program, and only Ruby can run it: here nothing is run. Nearly all say
 * in one line of the outermost level which Ruby they want, and that is read; whatever is
 * not of that form bundler will find out. A deployment stopped for a demand that there is
 * not would be worse than a demand missed.
 */

#define BLANKS " \t"
#define WORD_MAX_BYTES 64

/* What is open around a line: conditions, blocks, a comment of many lines. */
struct place {
	int depth;
	bool is_comment;
};

static bool begins_with_word(const char *line, const char *word)
{
	size_t length = strlen(word);

	return strncmp(line, word, length) == 0 &&
		(line[length] == '\0' || strchr(BLANKS "(;", line[length]));
}

static bool opens(const char *line)
{
	static const char *const words[] = {
		"if",    "unless", "case", "begin", "while",
		"until", "for",    "def",  "class", "module"
	};
	const char *block = strstr(line, " do");

	for (size_t i = 0; i < ARRAY_COUNT(words); i++)
		if (begins_with_word(line, words[i]))
			return true;
	return block && (block[3] == '\0' || block[3] == ' ');
}

/* Whether a line of the outermost level may be a demand. */
static bool is_outermost(struct place *place, const char *line)
{
	if (strncmp(line, "=begin", 6) == 0)
		place->is_comment = true;
	if (place->is_comment) {
		place->is_comment = strncmp(line, "=end", 4) != 0;
		return false;
	}
	if (begins_with_word(line, "end"))
		place->depth--;
	else if (opens(line))
		place->depth++;
	return place->depth == 0;
}

static const char *skip(const char *at)
{
	return at + strspn(at, BLANKS);
}

/* A text in quotes, taken as it stands; NULL: it is none. The caller frees it. */
static char *take_text(const char **at)
{
	const char quote = **at;
	const char *start = *at + 1;
	size_t length;
	char *text;

	if (quote != '"' && quote != '\'')
		return NULL;
	length = strcspn(start, "\"'\\#");
	if (start[length] != quote || length == 0 || length > WORD_MAX_BYTES)
		return NULL;
	text = text_format("%.*s", (int)length, start);
	*at = start + length + 1;
	return text;
}

static bool take_word(const char **at, const char *word)
{
	if (strncmp(*at, word, strlen(word)) != 0)
		return false;
	*at = skip(*at + strlen(word));
	return true;
}

static bool take_argument(const char **at, struct gemfile *gemfile)
{
	char *text;

	if (take_word(at, "file:") || (take_word(at, ":file") && take_word(at, "=>"))) {
		if (gemfile->file || gemfile->count > 0)
			return false;
		gemfile->file = take_text(at);
		return gemfile->file != NULL;
	}
	if (gemfile->file || gemfile->count == GEMFILE_REQUIREMENTS_MAX)
		return false;
	text = take_text(at);
	if (!text)
		return false;
	gemfile->requirements[gemfile->count++] = text;
	return true;
}

/* What stands behind `ruby`; false: not of the form that is read. */
static bool take_arguments(const char *at, struct gemfile *gemfile)
{
	bool has_bracket = false, is_more;

	at = skip(at);
	if (*at == '(') {
		has_bracket = true;
		at = skip(at + 1);
	}
	do {
		if (!take_argument(&at, gemfile))
			return false;
		at = skip(at);
		is_more = *at == ',';
		if (is_more)
			at = skip(at + 1);
	} while (is_more);
	if (has_bracket) {
		if (*at != ')')
			return false;
		at = skip(at + 1);
	}
	return *at == '\0' || *at == '#';
}

static bool is_demand(const char *line)
{
	return begins_with_word(line, "ruby") && line[4] != '\0';
}

void gemfile_done(struct gemfile *gemfile)
{
	for (size_t i = 0; i < gemfile->count; i++)
		free(gemfile->requirements[i]);
	free(gemfile->file);
	*gemfile = (struct gemfile){ .count = 0 };
}

void gemfile_read(const char *text, struct gemfile *ret_gemfile)
{
	autofree char *copy = text_copy(text);
	struct place place = { 0 };
	char *rest = copy, *line;
	bool is_plain = true;
	int demands = 0;

	*ret_gemfile = (struct gemfile){ .count = 0 };
	while ((line = strsep(&rest, "\n"))) {
		text_trim_end(line);
		if (strcmp(line, "__END__") == 0)
			break;
		/* A line of a text may look like a line of the program. */
		if (begins_with_word(skip(line), "eval_gemfile") || strstr(line, "<<"))
			is_plain = false;
		if (!is_outermost(&place, line)) {
			/* One that holds under a condition, or in another place. */
			if (is_demand(skip(line)) && !place.is_comment)
				is_plain = false;
			continue;
		}
		if (!is_demand(skip(line)))
			continue;
		if (line != skip(line) || demands++ > 0 ||
		    !take_arguments(line + 4, ret_gemfile))
			is_plain = false;
	}
	if (!is_plain || place.depth != 0)
		gemfile_done(ret_gemfile);
}

/* What follows "ruby" in a version file: "-3.2.2", " 3.2.2 # new", "= '3.2.2'". */
static char *version_of_line(const char *at)
{
	at += strspn(at, " \t-");
	if (*at == '=')
		at = skip(at + 1);
	if (*at == '"' || *at == '\'')
		at++;
	return text_format("%.*s", (int)strcspn(at, " \t#\"'"), at);
}

char *gemfile_version_in(const char *text)
{
	autofree char *copy = text_copy(text);
	autofree char *version = NULL;
	char *rest = copy, *line;

	while (!version && (line = strsep(&rest, "\r\n")))
		if (strncmp(line, "ruby", 4) == 0)
			version = version_of_line(line + 4);
	if (!version) {
		version = text_copy(text + strspn(text, " \t\r\n"));
		text_trim_end(version);
	}
	if (!text_is_printable(version) || strlen(version) > WORD_MAX_BYTES)
		return NULL;
	return TAKE(version);
}
