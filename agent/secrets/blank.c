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

static void replace(const struct finding *finding, char *text)
{
	char *end = text;

	for (size_t i = 0; i < finding->length; i++) {
		if (!finding->is_secret[i]) {
			*end++ = text[i];
		} else if (i == 0 || !finding->is_secret[i - 1]) {
			memcpy(end, BLANK, sizeof(BLANK) - 1);
			end += sizeof(BLANK) - 1;
		}
	}
	explicit_bzero(end, (size_t)(text + finding->length - end));
}

void blank_secrets(const struct secrets *secrets, char *text, bool is_cut)
{
	struct finding finding = { .text = text,
				   .length = strlen(text),
				   .is_cut = is_cut };
	autofree bool *is_secret = memory_new(finding.length, sizeof(*is_secret));

	if (!secrets)
		return;
	finding.is_secret = is_secret;
	for (size_t i = 0; i < secrets->count; i++)
		if (secrets->items[i].value)
			find_lines(&finding, secrets->items[i].value);
	for (size_t i = 0; i < secrets->variables.count; i++) {
		const char *equals = strchr(secrets->variables.items[i], '=');

		if (equals)
			find_lines(&finding, equals + 1);
	}
	replace(&finding, text);
}
