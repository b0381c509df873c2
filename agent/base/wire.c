/* SPDX-License-Identifier: MIT */
#include "base/wire.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/*
 * The worker's end of the conversation with the supervisor. A line goes out in one write:
 * the supervisor never sees half of one from a worker that lives. Nothing is buffered, so
 * a worker may be killed at any point without a reply that is older than the deed. A
 * request may hold secrets: the worker leaves no core file, no other process of its user
 * looks into it, and the text is wiped.
 */

static int read_input(char *buffer, size_t size_bytes, size_t *ret_length_bytes)
{
	size_t length_bytes = 0;

	while (length_bytes < size_bytes) {
		ssize_t got = read(WIRE_REQUEST_FD, buffer + length_bytes,
				   size_bytes - length_bytes);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0) {
			*ret_length_bytes = length_bytes;
			return 0;
		}
		length_bytes += (size_t)got;
	}
	return -EFBIG;
}

int wire_read_request(struct json_object **ret_request, struct error *err)
{
	autofree char *text = memory_new(WIRE_REQUEST_MAX_BYTES + 1, 1);
	autojson struct json_object *request = NULL;
	size_t length_bytes = 0;
	int result = read_input(text, WIRE_REQUEST_MAX_BYTES + 1, &length_bytes);

	if (result < 0) {
		explicit_bzero(text, WIRE_REQUEST_MAX_BYTES + 1);
		return error_set(err, result, "read the request: %s", strerror(-result));
	}
	text[length_bytes] = '\0';
	result = json_parse(text, length_bytes, "the request", &request, err);
	/* There may be a secret in it; the document is wiped behind the verb. */
	explicit_bzero(text, length_bytes);
	if (result < 0)
		return result;
	if (!json_object_is_type(request, json_type_object))
		return error_set(err, EINVAL, "the request is not a JSON object");
	*ret_request = TAKE(request);
	return 0;
}

static int send_line(const char *kind, struct json_object *content)
{
	autojson struct json_object *message = json_new_object();
	autofree char *line = NULL;

	json_set(message, kind, content);
	line = text_format("%s\n", json_line(message));
	return file_write_all(WIRE_REPLY_FD, line, strlen(line));
}

int wire_send_progress(struct json_object *progress)
{
	return send_line("progress", progress);
}

int wire_send_result(struct json_object *result)
{
	return send_line("result", result ? result : json_new_object());
}

int wire_send_error(const struct error *err)
{
	struct json_object *content = json_new_object();

	json_set_string(content, "code", error_name(err->code));
	json_set_string(content, "message", err->text);
	return send_line("error", content);
}

int wire_require_string(const struct json_object *request, const char *key,
			const char **ret_text, struct error *err)
{
	const char *text = json_string(request, key);

	if (!text)
		return error_set(err, EINVAL, "the request lacks the text '%s'", key);
	*ret_text = text;
	return 0;
}

static int perform_verb(const struct wire_verb *verbs, const char *name,
			const struct json_object *request,
			struct json_object **ret_result, struct error *err)
{
	for (const struct wire_verb *verb = verbs; verb->name; verb++)
		if (strcmp(verb->name, name) == 0)
			return verb->perform(request, ret_result, err);
	return error_set(err, ENOTSUP, "the worker has no verb '%s'", name);
}

static int perform(const struct wire_verb *verbs, struct json_object **ret_result,
		   struct error *err)
{
	autojson struct json_object *request = NULL;
	const char *name = NULL;
	int result = process_forbid_core();

	if (result < 0)
		return error_set(err, result, "forbid core files: %s", strerror(-result));
	result = process_hide_memory();
	if (result < 0)
		return error_set(err, result, "hide the memory: %s", strerror(-result));
	result = wire_read_request(&request, err);
	if (result < 0)
		return result;
	result = wire_require_string(request, "verb", &name, err);
	if (result == 0)
		result = perform_verb(verbs, name, request, ret_result, err);
	json_wipe(request);
	return result;
}

int wire_serve(const struct wire_verb *verbs)
{
	struct json_object *reply = NULL;
	struct error err = { 0 };

	/*
	 * Nobody listening is an error of the write, not a death in the middle of the
	 * work.
	 */
	(void)signal(SIGPIPE, SIG_IGN);
	if (perform(verbs, &reply, &err) == 0)
		return wire_send_result(reply) == 0 ? 0 : 2;
	(void)json_object_put(reply);
	return wire_send_error(&err) == 0 ? 1 : 2;
}
