/* SPDX-License-Identifier: MIT */
#include "worker/conversation.h"

#include "base/json.h"
#include "invariants.h"
#include "worker/worker.h"

#include <errno.h>

/*
 * What a worker writes to the supervisor. Where a pipe cuts it is chance: whole, byte by
 * byte and in two pieces it is the same talk, with one result or one error at most.
 */

static void count_progress(const struct json_object *progress, void *userdata)
{
	assert(json_object_is_type(progress, json_type_object));
	++*(size_t *)userdata;
}

/* Hears the input in pieces; the caller ends the talk. */
static int hear(struct conversation *talk, const struct worker_context *context,
		const char *text, size_t size_bytes, size_t piece_bytes)
{
	*talk = (struct conversation){
		.context = context, .request_fd = -1, .reply_fd = -1, .diagnostics_fd = -1
	};
	while (size_bytes > 0) {
		size_t length = piece_bytes < size_bytes ? piece_bytes : size_bytes;

		if (conversation_take(talk, text, length) < 0)
			return -EPROTO;
		text += length;
		size_bytes -= length;
	}
	return 0;
}

static void check_end(const struct conversation *talk)
{
	assert(!talk->result || !talk->has_error);
	assert(!talk->result || json_object_is_type(talk->result, json_type_object));
	if (!talk->has_error)
		return;
	check_line(talk->error.text);
	assert(talk->error.code < 0 && talk->error.code != -ECANCELED &&
	       talk->error.code != -ETIME);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	const size_t pieces[] = { size_bytes, 1, size_bytes / 2 + 1 };
	autofree char *text = input_copy(data, size_bytes);
	size_t counts[ARRAY_COUNT(pieces)] = { 0 };
	struct conversation talks[ARRAY_COUNT(pieces)];
	int results[ARRAY_COUNT(pieces)];

	for (size_t i = 0; i < ARRAY_COUNT(pieces); i++) {
		const struct worker_context context = { .on_progress = count_progress,
							.userdata = &counts[i] };

		results[i] = hear(&talks[i], &context, text, size_bytes, pieces[i]);
		check_end(&talks[i]);
		assert(results[i] == results[0]);
		if (results[i] == 0) {
			assert(!talks[i].line || !strchr(talks[i].line, '\n'));
			assert(counts[i] == counts[0]);
			assert(talks[i].has_error == talks[0].has_error);
			assert(strcmp(talks[i].error.text, talks[0].error.text) == 0);
			assert(json_object_equal(talks[i].result, talks[0].result));
		}
	}
	for (size_t i = 0; i < ARRAY_COUNT(pieces); i++)
		conversation_done(&talks[i]);
	return 0;
}
