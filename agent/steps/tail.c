/* SPDX-License-Identifier: MIT */
#include "steps/tail.h"

#include "base/memory.h"
#include "base/text.h"
#include "secrets/blank.h"

#include <string.h>

/*
 * The last lines of a step's output. A step may write a gigabyte: what comes is only
 * copied, into a buffer whose older half is dropped when it is full, and looked at when
 * somebody asks for it. Secrets are blanked in the whole of what is kept, before it is
 * cut into lines; where an older part was dropped, nothing is shown of the first bytes,
 * for they may be the end of a secret.
 */

#define KEPT_BYTES 65536
#define LINE_ENDS "\r\n"

void tail_init(struct tail *tail, const struct secrets *secrets)
{
	*tail = (struct tail){ .secret_bytes = blank_longest_bytes(secrets) };
	tail->kept_bytes = KEPT_BYTES + tail->secret_bytes;
	tail->bytes = memory_new(2 * tail->kept_bytes, 1);
}

void tail_done(struct tail *tail)
{
	if (tail->bytes)
		explicit_bzero(tail->bytes, tail->length_bytes);
	free(tail->bytes);
	*tail = (struct tail){ 0 };
}

static void make_room(struct tail *tail)
{
	size_t over = tail->length_bytes - tail->kept_bytes;

	memmove(tail->bytes, tail->bytes + over, tail->kept_bytes);
	tail->length_bytes = tail->kept_bytes;
}

void tail_add(struct tail *tail, const char *data, size_t length_bytes)
{
	char *place;

	tail->total_bytes += (int64_t)length_bytes;
	if (length_bytes > tail->kept_bytes) {
		data += length_bytes - tail->kept_bytes;
		length_bytes = tail->kept_bytes;
	}
	if (tail->length_bytes + length_bytes > 2 * tail->kept_bytes)
		make_room(tail);
	place = tail->bytes + tail->length_bytes;
	memcpy(place, data, length_bytes);
	tail->length_bytes += length_bytes;
	/* A NUL byte would hide what follows it. */
	while ((place = memchr(place, '\0',
			       (size_t)(tail->bytes + tail->length_bytes - place))))
		*place = ' ';
}

void tail_trim_line(char *line, size_t max_bytes, bool is_longer)
{
	size_t length = strlen(line);

	if (length > max_bytes) {
		length = max_bytes;
		/* Not within a character. */
		while (length > 0 && ((unsigned char)line[length] & 0xc0) == 0x80)
			length--;
		is_longer = true;
	}
	line[length] = '\0';
	text_make_printable(line);
	if (is_longer)
		memcpy(line + length, TAIL_MARK, sizeof(TAIL_MARK));
}

/*
 * What is kept, or the lines of it that have ended, secrets blanked; it begins with a
 * whole line if it can.
 */
static char *blanked(const struct tail *tail, const struct secrets *secrets,
		     bool has_ended)
{
	size_t length = tail->length_bytes < tail->kept_bytes ? tail->length_bytes
							      : tail->kept_bytes;
	bool is_cut = tail->total_bytes > (int64_t)length;
	size_t from = is_cut ? tail->secret_bytes : 0;
	char *text = memory_new(length + 1, 1);
	const char *line;

	memcpy(text, tail->bytes + tail->length_bytes - length, length);
	while (has_ended && length > 0 && !strchr(LINE_ENDS, text[length - 1]))
		text[--length] = '\0';
	blank_secrets_between(secrets, text, from < length ? from : length, length);
	line = is_cut ? strpbrk(text, LINE_ENDS) : NULL;
	if (line && line[strspn(line, LINE_ENDS)])
		memmove(text, line, strlen(line) + 1);
	return text;
}

/* From the end, for as many lines as may be; where they begin. */
static const char *last_lines(const char *text, int max_count)
{
	const char *start = text + strlen(text), *found = start;
	size_t size_bytes = 0;

	for (int count = 0; count < max_count && start > text; count++) {
		size_t length = 0;

		while (start > text && strchr(LINE_ENDS, start[-1]))
			start--;
		while (start > text && !strchr(LINE_ENDS, start[-1])) {
			start--;
			length++;
		}
		if (length > TAIL_LINE_MAX_BYTES)
			length = TAIL_LINE_MAX_BYTES + strlen(TAIL_MARK);
		size_bytes += length + 1;
		if (length == 0 || size_bytes > TAIL_TEXT_MAX_BYTES)
			break;
		found = start;
	}
	return found;
}

char *tail_text(const struct tail *tail, const struct secrets *secrets)
{
	autofree char *text = blanked(tail, secrets, false);
	const char *line = last_lines(text, TAIL_LINES_MAX);
	char *lines = memory_new(TAIL_TEXT_MAX_BYTES + 1, 1), *end = lines;
	char shown[TAIL_LINE_MAX_BYTES + sizeof(TAIL_MARK)];

	while (*line) {
		size_t length = strcspn(line, LINE_ENDS);
		size_t part = length < sizeof(shown) - 1 ? length : sizeof(shown) - 1;

		memcpy(shown, line, part);
		shown[part] = '\0';
		tail_trim_line(shown, TAIL_LINE_MAX_BYTES, length > TAIL_LINE_MAX_BYTES);
		if (length > 0)
			end = stpcpy(stpcpy(end, shown), "\n");
		line += length;
		line += strspn(line, LINE_ENDS);
	}
	return lines;
}

char *tail_last_line(const struct tail *tail, const struct secrets *secrets)
{
	autofree char *text = blanked(tail, secrets, true);
	const char *line = last_lines(text, 1);
	char *shown = text_format("%.*s%s", TAIL_LIVE_MAX_BYTES + 1, line, TAIL_MARK);

	shown[strlen(shown) - strlen(TAIL_MARK)] = '\0';
	text_trim_end(shown);
	tail_trim_line(shown, TAIL_LIVE_MAX_BYTES, false);
	if (*shown)
		return shown;
	free(shown);
	return NULL;
}
