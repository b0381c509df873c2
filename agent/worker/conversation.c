/* SPDX-License-Identifier: MIT */
#include "worker/conversation.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/wire.h"
#include "loop/loop.h"
#include "worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/*
 * Request out, lines in, standard error kept for the case that the worker dies without a
 * word. All three pipes are non-blocking on the loop; a line longer than agreed, or one
 * that is none of the three kinds, ends the talk.
 */

#define CHUNK_BYTES 16384

static void close_end(sd_event_source **source, int *fd)
{
	*source = sd_event_source_disable_unref(*source);
	memory_close_fd(fd);
	*fd = -1;
}

static int on_request(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct conversation *talk = userdata;
	ssize_t sent = write(fd, talk->request + talk->request_sent_bytes,
			     talk->request_length_bytes - talk->request_sent_bytes);

	(void)source;
	(void)events;
	if (sent < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (sent > 0)
		talk->request_sent_bytes += (size_t)sent;
	/*
	 * Closing is the end of the request; a worker that died is told by its reply's
	 * end.
	 */
	if (sent < 0 || talk->request_sent_bytes == talk->request_length_bytes)
		close_end(&talk->sources[0], &talk->request_fd);
	return 0;
}

static int take_error(struct conversation *talk, const struct json_object *content)
{
	const char *code = json_string(content, "code");
	const char *message = json_string(content, "message");

	int number;

	if (!code || !message)
		return -EPROTO;
	number = error_number(code);
	/* What only the loop says of itself: a worker cannot interrupt a run. */
	if (number == ECANCELED || number == ETIME)
		number = EIO;
	talk->has_error = true;
	return error_set(&talk->error, number, "%s", message) < 0 ? 0 : -EPROTO;
}

static int take_line(struct conversation *talk, const char *line, size_t length_bytes)
{
	autojson struct json_object *message = NULL;
	struct json_object *content;
	struct error ignored;

	talk->last_line_at_ms = clock_monotonic_ms();
	if (talk->result || talk->has_error)
		return -EPROTO;
	if (json_parse(line, length_bytes, "the answer", &message, &ignored) < 0)
		return -EPROTO;
	content = json_member(message, "progress", json_type_object);
	if (content && talk->context->on_progress)
		talk->context->on_progress(content, talk->context->userdata);
	if (content)
		return 0;
	content = json_member(message, "result", json_type_object);
	if (content) {
		talk->result = json_object_get(content);
		return 0;
	}
	return take_error(talk, json_member(message, "error", json_type_object));
}

/* Takes every whole line out of the buffer. */
static int take_lines(struct conversation *talk)
{
	char *start = talk->line, *end;
	int result = 0;

	while (result == 0 && (end = strchr(start, '\n'))) {
		*end = '\0';
		result = take_line(talk, start, (size_t)(end - start));
		start = end + 1;
	}
	talk->line_length_bytes -= (size_t)(start - talk->line);
	memmove(talk->line, start, talk->line_length_bytes + 1);
	return result;
}

static void end_talk(struct conversation *talk, bool is_garbled)
{
	talk->is_over = true;
	talk->is_garbled = is_garbled;
	close_end(&talk->sources[1], &talk->reply_fd);
}

int conversation_take(struct conversation *talk, const char *data, size_t length_bytes)
{
	size_t used = talk->line_length_bytes;

	talk->line = memory_grow(talk->line, used, used + length_bytes + 1, 1);
	memcpy(talk->line + used, data, length_bytes);
	talk->line_length_bytes += length_bytes;
	talk->line[talk->line_length_bytes] = '\0';
	/* A NUL byte inside would hide what follows it. */
	if (strlen(talk->line) != talk->line_length_bytes || take_lines(talk) < 0 ||
	    talk->line_length_bytes > WIRE_LINE_MAX_BYTES)
		return -EPROTO;
	return 0;
}

static int on_reply(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct conversation *talk = userdata;
	char chunk[CHUNK_BYTES];
	ssize_t got = read(fd, chunk, sizeof(chunk));

	(void)source;
	(void)events;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	/* Half a line at the end is a worker that died; its end will say how. */
	if (got <= 0) {
		end_talk(talk, false);
		return 0;
	}
	if (conversation_take(talk, chunk, (size_t)got) < 0)
		end_talk(talk, true);
	return 0;
}

static bool read_diagnostics(struct conversation *talk)
{
	const size_t max_bytes = sizeof(talk->diagnostics) - 1;
	char chunk[CHUNK_BYTES];
	ssize_t got = read(talk->diagnostics_fd, chunk, sizeof(chunk));
	size_t length = strlen(talk->diagnostics), count, drop;

	if (got <= 0)
		return got < 0 && errno == EINTR;
	/* Keep the first bytes: the beginning of a report names the fault. */
	count = (size_t)got < max_bytes - length ? (size_t)got : max_bytes - length;
	drop = strnlen(chunk, count);
	memcpy(talk->diagnostics + length, chunk, drop);
	talk->diagnostics[length + drop] = '\0';
	return true;
}

static int on_diagnostics(sd_event_source *source, int fd, uint32_t events,
			  void *userdata)
{
	struct conversation *talk = userdata;

	(void)source;
	(void)fd;
	if (!read_diagnostics(talk) && (events & (EPOLLHUP | EPOLLERR)))
		close_end(&talk->sources[2], &talk->diagnostics_fd);
	return 0;
}

static int watch(struct conversation *talk, size_t index, int fd, uint32_t events,
		 sd_event_io_handler_t handler)
{
	int flags = fcntl(fd, F_GETFL);
	int result;

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	result = sd_event_add_io(talk->context->loop->event, &talk->sources[index], fd,
				 events, handler, talk);
	return result < 0 ? result : 0;
}

int conversation_init(struct conversation *talk, const struct worker_context *context,
		      char *request, const int fds[static 3], struct error *err)
{
	int result;

	*talk = (struct conversation){
		.context = context,
		.request_fd = fds[0],
		.reply_fd = fds[1],
		.diagnostics_fd = fds[2],
		.request = request,
		.request_length_bytes = strlen(request),
		.last_line_at_ms = clock_monotonic_ms(),
	};
	result = watch(talk, 0, fds[0], EPOLLOUT, on_request);
	if (result == 0)
		result = watch(talk, 1, fds[1], EPOLLIN, on_reply);
	if (result == 0)
		result = watch(talk, 2, fds[2], EPOLLIN, on_diagnostics);
	if (result < 0)
		return error_set(err, result, "talk to a worker: %s", strerror(-result));
	return 0;
}

struct silence {
	const struct conversation *talk;
	int64_t since_ms;
};

static bool is_over_or_alive(const void *data)
{
	const struct silence *silence = data;

	return silence->talk->is_over ||
		silence->talk->last_line_at_ms != silence->since_ms;
}

int conversation_wait(struct conversation *talk, int64_t idle_timeout_ms,
		      struct deadline deadline, struct error *err)
{
	while (!talk->is_over) {
		struct silence silence = { talk, talk->last_line_at_ms };
		struct deadline idle = { talk->last_line_at_ms + idle_timeout_ms };
		int result = loop_wait(talk->context->loop, is_over_or_alive, &silence,
				       deadline_sooner(idle, deadline), err);

		if (result == -ETIME && deadline_is_over(deadline))
			return error_set(err, ETIMEDOUT, "it was not done in time");
		if (result == -ETIME)
			return error_set(err, ETIMEDOUT, "nothing moved for %lld s",
					 (long long)(idle_timeout_ms / 1000));
		if (result < 0)
			return result;
	}
	if (talk->is_garbled)
		return error_set(err, EPROTO, "the worker's answer is garbled");
	return 0;
}

void conversation_drain(struct conversation *talk)
{
	while (talk->diagnostics_fd >= 0 && read_diagnostics(talk))
		;
	text_trim_end(talk->diagnostics);
}

void conversation_done(struct conversation *talk)
{
	close_end(&talk->sources[0], &talk->request_fd);
	close_end(&talk->sources[1], &talk->reply_fd);
	close_end(&talk->sources[2], &talk->diagnostics_fd);
	(void)json_object_put(talk->result);
	talk->result = NULL;
	text_wipe(talk->request);
	free(talk->line);
}
