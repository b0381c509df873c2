/* SPDX-License-Identifier: MIT */
#include "steps/command.h"

#include "base/error.h"
#include "base/memory.h"
#include "loop/child.h"
#include "loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/*
 * A command as a plain child: its own session, standard input from /dev/null, standard
 * output and error into one pipe of which the end is kept. Not a worker: it may gain
 * privileges (Debian's crontab is setgid), and it does not get the lock.
 */

#define COMMAND_GRACE_MS 5000
#define CHUNK_BYTES 4096

struct output {
	int fd;
	sd_event_source *source;
	char *tail;
	size_t length_bytes;
	bool is_cut;
};

static void keep_tail(struct output *output, const char *data, size_t length_bytes)
{
	const size_t max_bytes = COMMAND_TAIL_MAX_BYTES - 1;
	size_t over;

	output->is_cut |= output->length_bytes + length_bytes > max_bytes;
	if (length_bytes > max_bytes) {
		data += length_bytes - max_bytes;
		length_bytes = max_bytes;
	}
	over = output->length_bytes + length_bytes;
	over = over > max_bytes ? over - max_bytes : 0;
	memmove(output->tail, output->tail + over, output->length_bytes - over);
	output->length_bytes -= over;
	memcpy(output->tail + output->length_bytes, data, length_bytes);
	output->length_bytes += length_bytes;
	output->tail[output->length_bytes] = '\0';
}

/* true while there may be more to read now. */
static bool read_output(struct output *output)
{
	char chunk[CHUNK_BYTES];
	ssize_t got = read(output->fd, chunk, sizeof(chunk));

	/* A NUL byte would hide what follows it. */
	for (ssize_t i = 0; i < got; i++)
		if (chunk[i] == '\0')
			chunk[i] = ' ';
	if (got > 0)
		keep_tail(output, chunk, (size_t)got);
	return got > 0 || (got < 0 && errno == EINTR);
}

static int on_output(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct output *output = userdata;

	(void)fd;
	if (!read_output(output) && (events & (EPOLLHUP | EPOLLERR)))
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return 0;
}

static int start(struct loop *loop, const struct command *command, int output_fd,
		 struct child *ret_child, struct error *err)
{
	const struct child_spec spec = {
		.arguments = command->arguments,
		.environment = command->environment,
		.executable_fd = -1,
		.directory = command->directory,
		.fds = { -1, output_fd, output_fd, -1 },
		.identity = command->identity,
		.has_own_session = true,
		.dies_with_parent = true,
	};

	return child_start(loop, &spec, ret_child, err);
}

static int judge(const struct child *child, const char *name, struct error *err)
{
	if (child->exec_error)
		return error_set(err, child->exec_error,
				 "start '%s' in the release's directory: %s", name,
				 strerror(child->exec_error));
	if (child->signal)
		return error_set(err, ECHILD, "ended by SIG%s",
				 sigabbrev_np(child->signal));
	if (child->exit_status != 0)
		return error_set(err, ECHILD, "exit status %d", child->exit_status);
	return 0;
}

static int await(struct loop *loop, const struct command *command, struct child *child,
		 struct error *err)
{
	int result = loop_wait(loop, child_is_ended, child, command->deadline, err);

	if (result == -ETIME)
		result = error_set(err, ETIMEDOUT, "not done within its timeout, ended");
	if (result == 0)
		result = child_check_shutdown(loop, child, err);
	if (result == 0)
		result = judge(child, command->arguments[0], err);
	if (result < 0)
		child_stop(loop, child, COMMAND_GRACE_MS);
	return result;
}

static int run_with(struct loop *loop, const struct command *command,
		    const int pipe_fds[2], struct command_end *ret_end, struct error *err)
{
	struct output output = { .fd = pipe_fds[0], .tail = ret_end->tail };
	struct child child = { 0 };
	int result = sd_event_add_io(loop->event, &output.source, pipe_fds[0], EPOLLIN,
				     on_output, &output);

	if (result < 0)
		return error_set(err, result, "watch a command's output: %s",
				 strerror(-result));
	result = start(loop, command, pipe_fds[1], &child, err);
	if (result == 0) {
		result = await(loop, command, &child, err);
		ret_end->exit_status = child.exec_error ? -1 : child.exit_status;
		ret_end->signal = child.signal;
		/*
		 * What it wrote last may still stand in the pipe; a daemon may hold it
		 * open.
		 */
		for (int i = 0; i < 64 && read_output(&output); i++)
			;
		ret_end->is_cut = output.is_cut;
		child_done(&child);
	}
	(void)sd_event_source_disable_unref(output.source);
	return result;
}

int command_run(struct loop *loop, const struct command *command,
		struct command_end *ret_end, struct error *err)
{
	autoclose int read_fd = -1, write_fd = -1;
	int pipe_fds[2], flags;

	*ret_end = (struct command_end){ .exit_status = -1 };
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return error_set(err, errno, "make a pipe: %s", strerror(errno));
	read_fd = pipe_fds[0];
	write_fd = pipe_fds[1];
	/* Our end only: a command is entitled to a pipe that blocks. */
	flags = fcntl(read_fd, F_GETFL);
	if (flags < 0 || fcntl(read_fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return error_set(err, errno, "set up a pipe: %s", strerror(errno));
	return run_with(loop, command, pipe_fds, ret_end, err);
}
