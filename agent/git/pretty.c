/* SPDX-License-Identifier: MIT */
#include "git/pretty.h"

#include "base/memory.h"
#include "base/text.h"
#include "git/abbrev.h"
#include "git/content.h"
#include "git/person.h"

#include <ctype.h>
#include <string.h>

/*
 * git's pretty formats, as far as they speak of the commit alone. What depends on the
 * repository around it (refs, notes, the nearest tag), on a key ring, on the time of the
 * day or on a terminal is not here: it would differ from machine to machine.
 */

bool pretty_init(struct pretty *pretty, git_repository *repository, git_commit *commit)
{
	*pretty = (struct pretty){ .repository = repository, .commit = commit };
	return git_commit_header_field(&pretty->author, commit, "author") == 0 &&
		git_commit_header_field(&pretty->committer, commit, "committer") == 0;
}

void pretty_done(struct pretty *pretty)
{
	git_buf_dispose(&pretty->author);
	git_buf_dispose(&pretty->committer);
}

static void add_string(struct content_text *text, const char *string)
{
	content_text_add(text, string, strlen(string));
}

static size_t line_bytes(const char *line)
{
	const char *end = strchr(line, '\n');

	return end ? (size_t)(end + 1 - line) : strlen(line);
}

/* Of the line, without the blanks at its end. */
static size_t trimmed_bytes(const char *line)
{
	size_t length = line_bytes(line);

	while (length > 0 && isspace((unsigned char)line[length - 1]))
		length--;
	return length;
}

static const char *skip_blank_lines(const char *message)
{
	while (*message && trimmed_bytes(message) == 0)
		message += line_bytes(message);
	return message;
}

/* The first paragraph in one line; returns where it ends. text may be NULL. */
static const char *add_subject(const char *message, struct content_text *text)
{
	const char *line = skip_blank_lines(message);
	bool is_first = true;

	for (; *line && trimmed_bytes(line) > 0; line += line_bytes(line)) {
		if (text && !is_first)
			add_string(text, " ");
		if (text)
			content_text_add(text, line, trimmed_bytes(line));
		is_first = false;
	}
	return line;
}

static bool is_title_byte(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
		(byte >= '0' && byte <= '9') || byte == '.' || byte == '_';
}

/* The subject's first line as a file name. */
static void add_file_name(const char *message, struct content_text *text)
{
	const char *line = skip_blank_lines(message);
	size_t length = strcspn(line, "\n"), used = 0;
	autofree char *name = memory_new(2 * length + 1, 1);
	bool has_gap = false;

	for (size_t i = 0; i < length; i++) {
		if (!is_title_byte(line[i])) {
			has_gap = used > 0;
			continue;
		}
		if (has_gap)
			name[used++] = '-';
		has_gap = false;
		name[used++] = line[i];
		while (line[i] == '.' && line[i + 1] == '.')
			i++;
	}
	while (used > 0 && (name[used - 1] == '.' || name[used - 1] == '-'))
		used--;
	content_text_add(text, name, used);
}

static void add_id(const struct pretty *pretty, const git_oid *id, bool is_short,
		   struct content_text *text)
{
	char hex[GIT_OID_HEXSZ + 1];
	size_t length = is_short ? abbrev_length(pretty->repository, id) : GIT_OID_HEXSZ;

	content_text_add(text, git_oid_tostr(hex, sizeof(hex), id), length);
}

static void add_parents(const struct pretty *pretty, bool is_short,
			struct content_text *text)
{
	for (unsigned int i = 0; i < git_commit_parentcount(pretty->commit); i++) {
		if (i > 0)
			add_string(text, " ");
		add_id(pretty, git_commit_parent_id(pretty->commit, i), is_short, text);
	}
}

static bool add_byte(const char *digits, size_t left_bytes, struct content_text *text)
{
	char two[3] = { 0 }, byte;

	if (left_bytes < 2 || !isxdigit((unsigned char)digits[0]) ||
	    !isxdigit((unsigned char)digits[1]))
		return false;
	memcpy(two, digits, 2);
	byte = (char)strtol(two, NULL, 16);
	content_text_add(text, &byte, 1);
	return true;
}

/* A placeholder of one letter. */
static bool add_letter(const struct pretty *pretty, char letter,
		       struct content_text *text)
{
	git_commit *commit = pretty->commit;
	const char *message = git_commit_message_raw(commit);

	switch (letter) {
	case 'n':
	case '%':
		content_text_add(text, letter == 'n' ? "\n" : "%", 1);
		return true;
	case 'H':
	case 'h':
		add_id(pretty, git_commit_id(commit), letter == 'h', text);
		return true;
	case 'T':
	case 't':
		add_id(pretty, git_commit_tree_id(commit), letter == 't', text);
		return true;
	case 'P':
	case 'p':
		add_parents(pretty, letter == 'p', text);
		return true;
	case 's':
		(void)add_subject(message, text);
		return true;
	case 'f':
		add_file_name(message, text);
		return true;
	case 'b':
		add_string(text, skip_blank_lines(add_subject(message, NULL)));
		return true;
	case 'B':
		add_string(text, message);
		return true;
	default:
		return false;
	}
}

size_t pretty_add(const struct pretty *pretty, const char *placeholder, size_t left_bytes,
		  struct content_text *text)
{
	char first = left_bytes > 0 ? placeholder[0] : '\0';
	char second = left_bytes > 1 ? placeholder[1] : '\0';

	if (first == 'a' && second)
		return person_add(pretty->author.ptr, second, text) ? 2 : 0;
	if (first == 'c' && second)
		return person_add(pretty->committer.ptr, second, text) ? 2 : 0;
	if (first == 'x')
		return add_byte(placeholder + 1, left_bytes - 1, text) ? 3 : 0;
	return add_letter(pretty, first, text) ? 1 : 0;
}
