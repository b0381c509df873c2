/* SPDX-License-Identifier: MIT */
#include "secrets/blank.h"

#include "base/memory.h"
#include "secrets/secrets_types.h"

#include <stdbool.h>
#include <string.h>

/*
 * A step has the secrets and may print them, a failing one all the more: "cannot connect
 * to postgres://…". First everything is found, then it is replaced: a secret may be part
 * of another, or overlap it, and nothing of either is to stay.
 */

#define BLANK "[secret]"

_Static_assert(sizeof(BLANK) - 1 <= BLANK_MIN_BYTES, "what is blanked never grows");

/* A text, and which of its bytes belong to a secret. */
struct finding {
	const char *text;
	size_t length;
	bool *is_secret;
	bool is_cut; /* there was more before it */
};

/* The longest end of a secret that a text without its beginning begins with. */
static void find_end(struct finding *finding, const char *secret, size_t length)
{
	size_t kept = length - 1 < finding->length ? length - 1 : finding->length;

	for (; kept >= BLANK_MIN_BYTES; kept--)
		if (memcmp(finding->text, secret + length - kept, kept) == 0) {
			memset(finding->is_secret, true, kept);
			return;
		}
}

static void find(struct finding *finding, const char *secret, size_t length)
{
	const char *end = finding->text + finding->length;
	const char *at = finding->text;

	if (length < BLANK_MIN_BYTES)
		return;
	if (finding->is_cut)
		find_end(finding, secret, length);
	while ((at = memmem(at, (size_t)(end - at), secret, length))) {
		memset(finding->is_secret + (at - finding->text), true, length);
		at++;
	}
}

static void find_lines(struct finding *finding, const char *value)
{
	find(finding, value, strlen(value));
	while (*value) {
		size_t length = strcspn(value, "\r\n");

		find(finding, value, length);
		value += length;
		value += strspn(value, "\r\n");
	}
}

/* A secret that `from` cuts has enough before it for the blank in its place. */
static void replace(const struct finding *finding, char *text, size_t from, size_t to)
{
	char *end = text;

	for (size_t i = from; i < to; i++) {
		if (!finding->is_secret[i]) {
			*end++ = text[i];
		} else if (i == from || !finding->is_secret[i - 1]) {
			memcpy(end, BLANK, sizeof(BLANK) - 1);
			end += sizeof(BLANK) - 1;
		}
	}
	explicit_bzero(end, (size_t)(text + finding->length - end));
}

static void find_all(struct finding *finding, const struct secrets *secrets)
{
	for (size_t i = 0; i < secrets->count; i++)
		if (secrets->items[i].value)
			find_lines(finding, secrets->items[i].value);
	for (size_t i = 0; i < secrets->variables.count; i++) {
		const char *equals = strchr(secrets->variables.items[i], '=');

		if (equals)
			find_lines(finding, equals + 1);
	}
}

static void blank(const struct secrets *secrets, struct finding finding, char *text,
		  size_t from, size_t to)
{
	autofree bool *is_secret = memory_new(finding.length, sizeof(*is_secret));

	finding.is_secret = is_secret;
	if (secrets)
		find_all(&finding, secrets);
	replace(&finding, text, from, to);
}

void blank_secrets_between(const struct secrets *secrets, char *text, size_t from_bytes,
			   size_t to_bytes)
{
	const struct finding finding = { .text = text, .length = strlen(text) };

	blank(secrets, finding, text, from_bytes, to_bytes);
}

void blank_secrets(const struct secrets *secrets, char *text, bool is_cut)
{
	const struct finding finding = { .text = text,
					 .length = strlen(text),
					 .is_cut = is_cut };

	blank(secrets, finding, text, 0, finding.length);
}

size_t blank_longest_bytes(const struct secrets *secrets)
{
	size_t longest = 0;

	for (size_t i = 0; secrets && i < secrets->count; i++) {
		const char *value = secrets->items[i].value;

		if (value && strlen(value) > longest)
			longest = strlen(value);
	}
	for (size_t i = 0; secrets && i < secrets->variables.count; i++)
		if (strlen(secrets->variables.items[i]) > longest)
			longest = strlen(secrets->variables.items[i]);
	return longest;
}
