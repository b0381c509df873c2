/* SPDX-License-Identifier: MIT */
#include "steps/forward.h"

#include "base/memory.h"
#include "base/text.h"
#include "run/log.h"
#include "secrets/blank.h"
#include "steps/tail.h"

#include <inttypes.h>
#include <string.h>

/*
 * A step's output on its way to the log. Whole lines only, so that no secret is cut in
 * two before it is looked for; a line that is too long is cut after that. What a step may
 * have logged is bounded: who writes a gigabyte fills no disk with it, and the rest of
 * the log stays readable. Nobody is waited for; what the log does not take is counted.
 */

#define LOGGED_MAX_BYTES 1048576
/* What a line costs beside its text: two bytes a line are no cheap way to fill a log. */
#define LINE_COST_BYTES 64

void forward_init(struct forward *forward, const struct log *log,
		  const struct secrets *secrets, const char *step, bool is_named)
{
	*forward = (struct forward){
		.log = log, .secrets = secrets, .step = step, .is_named = is_named
	};
	if (!log->is_journal && !log->is_verbose)
		return;
	forward->left_bytes = LOGGED_MAX_BYTES;
	/* A secret that begins in the part that is shown is there as a whole. */
	forward->room_bytes = TAIL_LINE_MAX_BYTES + blank_longest_bytes(secrets);
	forward->line = memory_new(forward->room_bytes + sizeof(TAIL_MARK), 1);
}

static bool log_line(const struct forward *forward, const char *text)
{
	autofree char *line = NULL;

	if (forward->log->is_journal)
		return log_output(forward->log, forward->step, text);
	line = forward->is_named ? text_format("| %s: %s", forward->step, text)
				 : text_format("| %s", text);
	return log_output(forward->log, forward->step, line);
}

static void end_line(struct forward *forward)
{
	int64_t length_bytes = (int64_t)forward->length_bytes;
	size_t shown_bytes = forward->length_bytes < TAIL_LINE_MAX_BYTES
		? forward->length_bytes
		: TAIL_LINE_MAX_BYTES;

	if (length_bytes == 0)
		return;
	forward->line[forward->length_bytes] = '\0';
	blank_secrets_between(forward->secrets, forward->line, 0, shown_bytes);
	tail_trim_line(forward->line, TAIL_LINE_MAX_BYTES,
		       shown_bytes < forward->length_bytes);
	forward->left_bytes -= length_bytes + LINE_COST_BYTES;
	if (forward->left_bytes < 0 || !log_line(forward, forward->line))
		forward->dropped_bytes += length_bytes;
	else
		forward->dropped_bytes += length_bytes - (int64_t)shown_bytes;
	forward->length_bytes = 0;
}

/* Up to the line's end; what there is no room for is not logged. */
static void add_part(struct forward *forward, const char *data, size_t length_bytes)
{
	size_t room_bytes = forward->room_bytes - forward->length_bytes;
	size_t part_bytes = length_bytes < room_bytes ? length_bytes : room_bytes;
	char *place = forward->line + forward->length_bytes;

	memcpy(place, data, part_bytes);
	for (size_t i = 0; i < part_bytes; i++)
		if (place[i] == '\0')
			place[i] = ' ';
	forward->length_bytes += part_bytes;
	forward->dropped_bytes += (int64_t)(length_bytes - part_bytes);
}

void forward_add(struct forward *forward, const char *data, size_t length_bytes)
{
	const char *end = data + length_bytes;

	if (!forward->line)
		return;
	while (data < end && forward->left_bytes >= 0) {
		size_t part_bytes = 0;

		while (data + part_bytes < end && data[part_bytes] != '\n' &&
		       data[part_bytes] != '\r')
			part_bytes++;
		add_part(forward, data, part_bytes);
		data += part_bytes;
		if (data == end)
			return;
		end_line(forward);
		data++;
	}
	forward->dropped_bytes += end - data;
}

void forward_end(struct forward *forward)
{
	autofree char *rest = NULL;

	if (!forward->line)
		return;
	end_line(forward);
	if (forward->dropped_bytes == 0)
		return;
	rest = text_format("%" PRId64 " bytes more not logged", forward->dropped_bytes);
	(void)log_line(forward, rest);
}

bool forward_is_complete(const struct forward *forward)
{
	return forward->line && forward->dropped_bytes == 0;
}

void forward_done(struct forward *forward)
{
	if (forward->line)
		explicit_bzero(forward->line, forward->room_bytes);
	free(forward->line);
	*forward = (struct forward){ 0 };
}
