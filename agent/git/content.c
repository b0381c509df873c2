/* SPDX-License-Identifier: MIT */
#include "git/content.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/*
 * The two changes that git makes to a blob on its way to a work tree (and into an
 * archive) without anybody's configuration: $Id$, and line ends. Which line ends is
 * decided as on Linux: only eol=crlf ever changes one.
 */

#define ID_WORD "Id"

void content_done(struct content *content)
{
	free(content->owned);
	*content = (struct content){ 0 };
}

void content_text_init(struct content_text *text)
{
	*text = (struct content_text){ 0 };
	text->file = open_memstream(&text->data, &text->length_bytes);
	if (!text->file)
		abort();
}

void content_text_add(struct content_text *text, const char *data, size_t length_bytes)
{
	if (fwrite(data, 1, length_bytes, text->file) != length_bytes)
		abort();
}

void content_replace(struct content *content, struct content_text *text)
{
	if (fclose(text->file) != 0)
		abort();
	content_done(content);
	*content = (struct content){ text->data, text->length_bytes, text->data };
}

/* What follows a '$', if that is "Id$" or an "Id: …$" of git's own; 0: it is neither. */
static size_t ident_bytes(const char *text, size_t left_bytes)
{
	const char *dollar, *space;

	if (left_bytes < 3 || memcmp(text, ID_WORD, strlen(ID_WORD)) != 0)
		return 0;
	if (text[2] == '$')
		return 3;
	if (text[2] != ':')
		return 0;
	dollar = memchr(text + 3, '$', left_bytes - 3);
	if (!dollar || memchr(text + 3, '\n', (size_t)(dollar - text) - 3))
		return 0;
	/* Blanks inside are another version control system's. */
	space = dollar > text + 4 ? memchr(text + 4, ' ', (size_t)(dollar - text) - 4)
				  : NULL;
	if (space && space < dollar - 1)
		return 0;
	return (size_t)(dollar + 1 - text);
}

static void expand_ident(struct content *content, const git_oid *id)
{
	const char *from = content->data, *end = from + content->length_bytes, *dollar;
	struct content_text text;

	if (!memmem(from, content->length_bytes, "$" ID_WORD, 1 + strlen(ID_WORD)))
		return;
	content_text_init(&text);
	while ((dollar = memchr(from, '$', (size_t)(end - from)))) {
		size_t length = ident_bytes(dollar + 1, (size_t)(end - dollar - 1));

		content_text_add(&text, from, (size_t)(dollar + 1 - from));
		from = dollar + 1 + length;
		if (length > 0 && fprintf(text.file, "Id: %s $", git_oid_tostr_s(id)) < 0)
			abort();
	}
	content_text_add(&text, from, (size_t)(end - from));
	content_replace(content, &text);
}

struct statistics {
	size_t naked_lf, naked_cr, crlf, nul, printable, other;
};

static void count_byte(struct statistics *found, unsigned char byte)
{
	bool is_control = byte < ' ' && !strchr("\b\t\033\014", byte);

	if (byte == '\0')
		found->nul++;
	if (byte == '\0' || byte == 127 || is_control)
		found->other++;
	else
		found->printable++;
}

static struct statistics gather(const char *data, size_t length_bytes)
{
	struct statistics found = { 0 };

	for (size_t i = 0; i < length_bytes; i++) {
		bool is_pair =
			data[i] == '\r' && i + 1 < length_bytes && data[i + 1] == '\n';

		if (is_pair) {
			found.crlf++;
			i++;
		} else if (data[i] == '\r') {
			found.naked_cr++;
		} else if (data[i] == '\n') {
			found.naked_lf++;
		} else {
			count_byte(&found, (unsigned char)data[i]);
		}
	}
	/* The end-of-file mark of another time does not make a binary file. */
	if (length_bytes > 0 && data[length_bytes - 1] == '\032')
		found.other--;
	return found;
}

/* git's own idea of what only `text=auto` must leave alone. */
static bool is_left_alone(const struct statistics *found)
{
	return found->naked_cr > 0 || found->crlf > 0 || found->nul > 0 ||
		found->printable >> 7 < found->other;
}

static void make_crlf(struct content *content, bool is_guess)
{
	const struct statistics found = gather(content->data, content->length_bytes);
	const char *from = content->data, *end = from + content->length_bytes, *line_end;
	struct content_text text;

	if (found.naked_lf == 0 || (is_guess && is_left_alone(&found)))
		return;
	content_text_init(&text);
	while ((line_end = memchr(from, '\n', (size_t)(end - from)))) {
		bool is_naked = line_end == from || line_end[-1] != '\r';

		content_text_add(&text, from, (size_t)(line_end - from));
		content_text_add(&text, is_naked ? "\r\n" : "\n", is_naked ? 2 : 1);
		from = line_end + 1;
	}
	content_text_add(&text, from, (size_t)(end - from));
	content_replace(content, &text);
}

static bool is_text(const struct attribute_value *value, const char *text)
{
	return value->state == ATTRIBUTE_TEXT_VALUE && strcmp(value->text, text) == 0;
}

/* "crlf" counts where "text" says nothing of line ends. */
static const struct attribute_value *text_of(const struct attribute_value *attributes)
{
	const struct attribute_value *text = &attributes[ATTRIBUTE_TEXT];
	bool says = text->state == ATTRIBUTE_TRUE || text->state == ATTRIBUTE_FALSE ||
		is_text(text, "input") || is_text(text, "auto");

	return says ? text : &attributes[ATTRIBUTE_CRLF];
}

void content_convert(struct content *content, const struct attribute_value *attributes,
		     const git_oid *id)
{
	const struct attribute_value *text = text_of(attributes);

	if (attributes[ATTRIBUTE_IDENT].state == ATTRIBUTE_TRUE)
		expand_ident(content, id);
	if (text->state != ATTRIBUTE_FALSE && is_text(&attributes[ATTRIBUTE_EOL], "crlf"))
		make_crlf(content, is_text(text, "auto"));
}
