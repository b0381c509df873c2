/* SPDX-License-Identifier: MIT */
#include "steps/job.h"

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
 * A command as a plain child with a keeper: its own session, standard input from
 * /dev/null, standard output and error into one pipe. Not a worker: it may gain
 * privileges (Debian's crontab is setgid), and it does not get the lock. Of its output a
 * bounded part is read before other events have their turn, however fast it writes.
 */

#define CHUNK_BYTES 16384
#define DRAIN_COUNT 64

/* systemd's own for services: select(2) breaks with more, who needs more may raise it. */
#define OPEN_FILES_SOFT 1024
#define OPEN_FILES_HARD 524288

/* true while there may be more to read now. */
static bool read_output(struct job *job)
{
	char chunk[CHUNK_BYTES];
	ssize_t got = read(job->output_fd, chunk, sizeof(chunk));

	if (got > 0)
		job->on_output(job->userdata, chunk, (size_t)got);
	return got > 0 || (got < 0 && errno == EINTR);
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct job *job = userdata;

	(void)fd;
	if (!read_output(job) && (events & (EPOLLHUP | EPOLLERR)))
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return 0;
}

static int start(struct loop *loop, const struct command *command, int output_fd,
		 struct kept *ret_kept, struct error *err)
{
	const struct child_limits limits = { .open_files_soft = OPEN_FILES_SOFT,
					     .open_files_hard = OPEN_FILES_HARD,
					     .tasks_max = command->tasks_max };
	const struct child_spec spec = {
		.arguments = command->arguments,
		.environment = command->environment,
		.executable_fd = -1,
		.directory = command->directory,
		.fds = { -1, output_fd, output_fd, -1 },
		.identity = command->identity,
		.limits = &limits,
		.has_own_session = true,
		.dies_with_parent = true,
	};

	return kept_start(loop, &spec, ret_kept, err);
}

int job_start(struct loop *loop, const struct command *command, struct job *job,
	      struct error *err)
{
	autoclose int write_fd = -1;
	int pipe_fds[2], flags, result;

	job->command = command;
	job->output_fd = -1;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return error_set(err, errno, "make a pipe: %s", strerror(errno));
	job->output_fd = pipe_fds[0];
	write_fd = pipe_fds[1];
	/* Our end only: a command is entitled to a pipe that blocks. */
	flags = fcntl(job->output_fd, F_GETFL);
	if (flags < 0 || fcntl(job->output_fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return error_set(err, errno, "set up a pipe: %s", strerror(errno));
	result = sd_event_add_io(loop->event, &job->source, job->output_fd, EPOLLIN,
				 on_readable, job);
	if (result < 0)
		return error_set(err, result, "watch a command's output: %s",
				 strerror(-result));
	return start(loop, command, write_fd, &job->kept, err);
}

bool job_is_over(const void *job)
{
	return kept_is_over(&((const struct job *)job)->kept);
}

int job_judge(struct loop *loop, const struct job *job, struct error *err)
{
	const struct kept *kept = &job->kept;
	const char *name = job->command->arguments[0];
	int result = child_check_shutdown(loop, kept->signal, err);

	if (result < 0)
		return result;
	if (kept->exec_error == EAGAIN)
		return error_set(err, EAGAIN,
				 "start '%s': its user has more processes than the "
				 "step's tasks_max allows",
				 name);
	if (kept->exec_error)
		return error_set(err, kept->exec_error,
				 "start '%s' in the release's directory: %s", name,
				 strerror(kept->exec_error));
	if (kept->is_lost)
		return error_set(err, ECHILD,
				 "the process that watched over it was killed");
	if (kept->signal)
		return error_set(err, ECHILD, "ended by SIG%s",
				 sigabbrev_np(kept->signal));
	if (kept->exit_status != 0)
		return error_set(err, ECHILD, "exit status %d", kept->exit_status);
	return 0;
}

void job_drain(struct job *job)
{
	for (int i = 0; i < DRAIN_COUNT && read_output(job); i++)
		;
}

void job_done(struct job *job)
{
	kept_done(&job->kept);
	job->source = sd_event_source_disable_unref(job->source);
	memory_close_fd(&job->output_fd);
	job->output_fd = -1;
}
