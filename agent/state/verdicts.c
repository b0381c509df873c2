/* SPDX-License-Identifier: MIT */
#include "state/verdicts.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * A verdict is on disk before the first attempt to deliver it, so that a killed agent
 * comes back with the same one (facts L3). Delivered is written after the answer: a crash
 * between the two delivers the same verdict once more, never another. That is not synced,
 * since after the kernel's next start the verdict is void anyway.
 */

#define VERDICT_FILE "verdict.json"
#define VERDICT_MAX_BYTES 16384

static const char *const state_words[] = {
	[VERDICT_NONE] = "none",
	[VERDICT_DECIDED] = "decided",
	[VERDICT_DELIVERED] = "delivered",
	[VERDICT_EXPIRED] = "expired",
};

const char *verdict_state_word(enum verdict_state state)
{
	return state_words[state];
}

static void read_verdict(const struct json_object *document,
			 struct stored_verdict *verdict)
{
	const char *word = json_string(document, "state");

	verdict->instance_id = text_copy(json_string(document, "instance_id"));
	verdict->boot_id = text_copy(json_string(document, "boot_id"));
	verdict->transition = text_copy(json_string(document, "transition"));
	verdict->sequence = json_integer(document, "sequence", 0);
	verdict->group = text_copy(json_string(document, "group"));
	verdict->hook = text_copy(json_string(document, "hook"));
	verdict->result = text_copy(json_string(document, "verdict"));
	verdict->decided_at_ms = json_integer(document, "decided_at_ms", 0);
	verdict->delivered_at_ms = json_integer(document, "delivered_at_ms", 0);
	for (size_t i = 0; i < ARRAY_COUNT(state_words); i++)
		if (text_is_equal(word, state_words[i]))
			verdict->state = (enum verdict_state)i;
	if (!text_is_equal(verdict->result, "CONTINUE") &&
	    !text_is_equal(verdict->result, "ABANDON"))
		verdict->state = VERDICT_NONE;
}

int verdict_load(int state_fd, struct stored_verdict *ret_verdict, struct error *err)
{
	autojson struct json_object *document = NULL;
	struct error problem;
	int result =
		json_load(state_fd, VERDICT_FILE, VERDICT_MAX_BYTES, &document, &problem);

	*ret_verdict = (struct stored_verdict){ 0 };
	if (result == -ENOENT || result == -EINVAL)
		return 0;
	if (result < 0) {
		*err = problem;
		return result;
	}
	read_verdict(document, ret_verdict);
	return 0;
}

int verdict_save(int state_fd, const struct stored_verdict *verdict, struct error *err)
{
	autojson struct json_object *document = json_new_object();
	autofree char *text = NULL;

	json_set_integer(document, "schema", 1);
	json_set_string(document, "instance_id", verdict->instance_id);
	json_set_string(document, "boot_id", verdict->boot_id);
	json_set_string(document, "transition", verdict->transition);
	json_set_integer(document, "sequence", verdict->sequence);
	json_set_string(document, "group", verdict->group);
	json_set_string(document, "hook", verdict->hook);
	json_set_string(document, "verdict", verdict->result);
	json_set_string(document, "state", state_words[verdict->state]);
	json_set_integer(document, "decided_at_ms", verdict->decided_at_ms);
	json_set_integer(document, "delivered_at_ms", verdict->delivered_at_ms);
	text = text_format("%s\n", json_line(document));
	return file_write(state_fd, VERDICT_FILE, text, 0644,
			  verdict->state == VERDICT_DECIDED ? FILE_DURABLE
							    : FILE_VOLATILE,
			  err);
}

void verdict_done(struct stored_verdict *verdict)
{
	free(verdict->instance_id);
	free(verdict->boot_id);
	free(verdict->transition);
	free(verdict->group);
	free(verdict->hook);
	free(verdict->result);
	*verdict = (struct stored_verdict){ 0 };
}

bool verdict_is_for(const struct stored_verdict *verdict, const char *instance_id,
		    const char *boot_id, const char *transition)
{
	return verdict->state != VERDICT_NONE &&
		text_is_equal(verdict->instance_id, instance_id) &&
		text_is_equal(verdict->boot_id, boot_id) &&
		text_is_equal(verdict->transition, transition);
}
