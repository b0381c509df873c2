/* SPDX-License-Identifier: MIT */
#include "git/wildmatch.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

/*
 * git's patterns, with git's own oddities: where a literal beginning was cut off by the
 * caller, two asterisks stand at the beginning of what is left. A failed match says how
 * much of the text cannot be saved any more, so that many asterisks in a row do not cost
 * an exponential number of trials.
 */

enum match {
	MATCH,
	NO_MATCH,
	NO_MATCH_AT_ALL,   /* the text is at its end: more of it will not help */
	NO_MATCH_TO_STARS, /* only two asterisks could still get past this '/' */
};

static const struct {
	const char *name;
	int (*is_member)(int character);
} classes[] = {
	{ "alnum", isalnum }, { "alpha", isalpha }, { "blank", isblank },
	{ "cntrl", iscntrl }, { "digit", isdigit }, { "graph", isgraph },
	{ "lower", islower }, { "print", isprint }, { "punct", ispunct },
	{ "space", isspace }, { "upper", isupper }, { "xdigit", isxdigit },
};

#define CLASS_COUNT (sizeof(classes) / sizeof(classes[0]))

/* What a bracket expression says of one byte, and where it ends; NULL: it does not. */
struct bracket {
	const unsigned char *end; /* at the closing bracket */
	bool is_member;
};

/* "[:name:]", at its inner bracket. *position moves to its end; false: no such class. */
static bool read_class(const unsigned char **position, unsigned char byte,
		       bool *ret_is_member)
{
	const char *name = (const char *)*position + 2;
	const char *end = strchr(name, ']');

	if (!end || end == name || end[-1] != ':')
		return false;
	for (size_t i = 0; i < CLASS_COUNT; i++) {
		size_t length = strlen(classes[i].name);

		if ((size_t)(end - 1 - name) != length ||
		    memcmp(classes[i].name, name, length) != 0)
			continue;
		*ret_is_member = classes[i].is_member(byte) != 0;
		*position = (const unsigned char *)end;
		return true;
	}
	return false;
}

/* A "[:" without an end of its own is a plain '[' in the list. */
static bool begins_class(const unsigned char *position)
{
	const char *end;

	if (position[0] != '[' || position[1] != ':')
		return false;
	end = strchr((const char *)position + 2, ']');
	return !end || (end > (const char *)position + 2 && end[-1] == ':');
}

/* One member or range of the list; *position moves to its last byte. */
static bool read_member(const unsigned char **position, unsigned char *previous,
			unsigned char byte, bool *ret_is_member)
{
	const unsigned char *p = *position;
	bool is_range = *p == '-' && *previous && p[1] && p[1] != ']';
	unsigned char last;

	if (begins_class(p)) {
		*previous = 0;
		return read_class(position, byte, ret_is_member);
	}
	if (is_range)
		p++;
	if (*p == '\\')
		p++;
	last = *p;
	if (!last)
		return false;
	*ret_is_member = is_range ? byte >= *previous && byte <= last : byte == last;
	*previous = is_range ? 0 : last;
	*position = p;
	return true;
}

static struct bracket read_bracket(const unsigned char *p, unsigned char byte)
{
	struct bracket bracket = { NULL, false };
	bool is_negated = p[1] == '!' || p[1] == '^', is_found = false;
	unsigned char previous = 0;

	p += is_negated ? 2 : 1;
	do {
		bool is_member = false;

		if (!*p || !read_member(&p, &previous, byte, &is_member))
			return bracket;
		is_found = is_found || is_member;
	} while (*++p != ']');
	bracket.end = p;
	bracket.is_member = is_found != is_negated && byte != '/';
	return bracket;
}

static enum match match_from(const unsigned char *pattern, const unsigned char *text);

/* Whether the asterisks before `rest`, the second at `stars`, are a whole component. */
static bool is_component(const unsigned char *begin, const unsigned char *stars,
			 const unsigned char *rest)
{
	const unsigned char *before = stars - 1;

	if (before > begin && before[-1] != '/')
		return false;
	return !*rest || *rest == '/' || (rest[0] == '\\' && rest[1] == '/');
}

static enum match match_rest(const unsigned char *rest, const unsigned char *text,
			     bool crosses_slash)
{
	for (;; text++) {
		enum match match;

		if (!*text)
			return NO_MATCH_AT_ALL;
		match = match_from(rest, text);
		if (match != NO_MATCH) {
			if (!crosses_slash || match != NO_MATCH_TO_STARS)
				return match;
		} else if (!crosses_slash && *text == '/') {
			return NO_MATCH_TO_STARS;
		}
	}
}

/* At an asterisk. `begin` is where this (part of the) pattern begins. */
static enum match match_asterisk(const unsigned char *begin, const unsigned char *p,
				 const unsigned char *text)
{
	const unsigned char *stars = p + 1;
	bool crosses_slash = false;

	while (*++p == '*')
		continue;
	if (*stars == '*' && is_component(begin, stars, p)) {
		if (*p == '/' && match_from(p + 1, text) == MATCH)
			return MATCH;
		crosses_slash = true;
	}
	if (!*p)
		return crosses_slash || !strchr((const char *)text, '/') ? MATCH
									 : NO_MATCH;
	if (!crosses_slash && *p == '/') {
		text = (const unsigned char *)strchr((const char *)text, '/');
		return text ? match_from(p + 1, text + 1) : NO_MATCH;
	}
	return match_rest(p, text, crosses_slash);
}

static enum match match_from(const unsigned char *pattern, const unsigned char *text)
{
	for (const unsigned char *p = pattern; *p; p++, text++) {
		struct bracket bracket;

		if (!*text && *p != '*')
			return NO_MATCH_AT_ALL;
		switch (*p) {
		case '*':
			return match_asterisk(pattern, p, text);
		case '?':
			if (*text == '/')
				return NO_MATCH;
			break;
		case '[':
			bracket = read_bracket(p, *text);
			if (!bracket.end)
				return NO_MATCH_AT_ALL;
			if (!bracket.is_member)
				return NO_MATCH;
			p = bracket.end;
			break;
		case '\\':
			p++;
			/* fall through */
		default:
			if (*p != *text)
				return NO_MATCH;
		}
	}
	return *text ? NO_MATCH : MATCH;
}

bool wildmatch_is_match(const char *pattern, const char *text)
{
	return match_from((const unsigned char *)pattern, (const unsigned char *)text) ==
		MATCH;
}
