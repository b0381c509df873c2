/* SPDX-License-Identifier: MIT */
#include "tree/requirement.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Gem::Requirement and Gem::Version (rubygems 3.3), as far as a Ruby's version goes. A
 * version is a row of numbers and words; a word makes it one that comes before the
 * release. tests/unit/tree/test_requirement.c holds it against the real ones.
 */

#define SEGMENTS_MAX 16
#define DIGITS_MAX 9
#define BLANKS " \t\r\n\f\v"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

struct segment {
	const char *word; /* of `length` letters; NULL: a number */
	size_t length;
	uint64_t number;
};

struct version {
	struct segment segments[SEGMENTS_MAX];
	size_t count;
};

enum relation {
	EQUAL,
	NOT_EQUAL,
	AT_LEAST,
	AT_MOST,
	GREATER,
	LESS,
	PESSIMISTIC,
};

/* The longer ones first. */
static const struct {
	const char *text;
	enum relation relation;
} operators[] = {
	{ "!=", NOT_EQUAL }, { ">=", AT_LEAST }, { "<=", AT_MOST }, { "~>", PESSIMISTIC },
	{ "=", EQUAL },      { ">", GREATER },   { "<", LESS },
};

/* Digits, then ".part"s, then perhaps "-part.part", whose parts may hold hyphens. */
static bool is_well_formed(const char *text)
{
	size_t length = strspn(text, DIGITS);

	while (length > 0 && text[length] == '.') {
		text += length + 1;
		length = strspn(text, DIGITS LETTERS);
	}
	if (length > 0 && text[length] == '-') {
		do {
			text += length + 1;
			length = strspn(text, DIGITS LETTERS "-");
		} while (length > 0 && text[length] == '.');
	}
	return length > 0 && text[length + strspn(text + length, BLANKS)] == '\0';
}

static bool add(struct version *version, struct segment segment)
{
	if (version->count == SEGMENTS_MAX)
		return false;
	version->segments[version->count++] = segment;
	return true;
}

static bool add_number(struct version *version, const char *text, size_t length)
{
	uint64_t number = 0;

	if (length > DIGITS_MAX)
		return false;
	for (size_t i = 0; i < length; i++)
		number = number * 10 + (uint64_t)(text[i] - '0');
	return add(version, (struct segment){ .number = number });
}

static bool parse(const char *text, struct version *ret_version)
{
	*ret_version = (struct version){ .count = 0 };
	text += strspn(text, BLANKS);
	if (!is_well_formed(text))
		return false;
	while (*text && !strchr(BLANKS, *text)) {
		size_t digits = strspn(text, DIGITS), letters = strspn(text, LETTERS);
		bool has_room = true;

		if (digits > 0)
			has_room = add_number(ret_version, text, digits);
		else if (letters > 0)
			has_room =
				add(ret_version,
				    (struct segment){ .word = text, .length = letters });
		else if (*text == '-') /* "1-a" is "1.pre.a" */
			has_room = add(ret_version,
				       (struct segment){ .word = "pre", .length = 3 });
		if (!has_room)
			return false;
		text += digits + letters > 0 ? digits + letters : 1;
	}
	return true;
}

/* How many segments stand before the first word. */
static size_t number_count(const struct version *version)
{
	size_t count = 0;

	while (count < version->count && !version->segments[count].word)
		count++;
	return count;
}

static void drop_zeros(struct version *version, size_t from)
{
	while (version->count > from && !version->segments[version->count - 1].word &&
	       version->segments[version->count - 1].number == 0)
		version->count--;
}

/* Without zeros at the ends of its two halves, the numbers and what follows a word. */
static struct version canonical(const struct version *version)
{
	size_t numbers = number_count(version);
	struct version result = *version;

	result.count = numbers;
	drop_zeros(&result, 0);
	for (size_t i = numbers; i < version->count; i++)
		result.segments[result.count++] = version->segments[i];
	drop_zeros(&result, numbers < version->count ? 1 : 0);
	return result;
}

static int compare_segments(const struct segment *a, const struct segment *b)
{
	size_t shorter = a->length < b->length ? a->length : b->length;
	int order;

	if (!a->word && !b->word)
		return a->number < b->number ? -1 : a->number > b->number;
	if (!a->word || !b->word)
		return a->word ? -1 : 1;
	order = memcmp(a->word, b->word, shorter);
	if (order != 0)
		return order;
	return a->length < b->length ? -1 : a->length > b->length;
}

static int compare(const struct version *a, const struct version *b)
{
	static const struct segment zero = { .number = 0 };
	const struct version left = canonical(a), right = canonical(b);

	for (size_t i = 0; i < left.count || i < right.count; i++) {
		int order =
			compare_segments(i < left.count ? &left.segments[i] : &zero,
					 i < right.count ? &right.segments[i] : &zero);

		if (order != 0)
			return order;
	}
	return 0;
}

/* The release that a version before it leads to: its numbers. */
static struct version release_of(const struct version *version)
{
	struct version release = *version;

	release.count = number_count(version);
	return release;
}

/* "3.1.2" to "3.2", "3" to "4": what "~>" ends before. */
static struct version bump(const struct version *version)
{
	struct version next = release_of(version);

	if (next.count > 1)
		next.count--;
	next.segments[next.count - 1].number++;
	return next;
}

static bool is_met(enum relation relation, const struct version *version,
		   const struct version *wanted)
{
	const struct version release = release_of(version), end = bump(wanted);
	int order = compare(version, wanted);

	switch (relation) {
	case EQUAL:
		return order == 0;
	case NOT_EQUAL:
		return order != 0;
	case AT_LEAST:
		return order >= 0;
	case AT_MOST:
		return order <= 0;
	case GREATER:
		return order > 0;
	case LESS:
		return order < 0;
	case PESSIMISTIC:
		return order >= 0 && compare(&release, &end) < 0;
	}
	return false;
}

int requirement_is_met(const char *requirement, const char *version)
{
	enum relation relation = EQUAL;
	struct version wanted, found;

	requirement += strspn(requirement, BLANKS);
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		size_t length = strlen(operators[i].text);

		if (strncmp(requirement, operators[i].text, length) != 0)
			continue;
		relation = operators[i].relation;
		requirement += length;
		break;
	}
	if (!parse(requirement, &wanted) || !parse(version, &found))
		return -EINVAL;
	return is_met(relation, &found, &wanted);
}
