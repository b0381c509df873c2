/* SPDX-License-Identifier: MIT */
#include "worker/worker.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/wire.h"
#include "loop/child.h"
#include "loop/loop.h"
#include "worker/conversation.h"
#include "worker/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Code that touches what others wrote (git data, the application's tree) runs in a
 * process of its own: fork and exec of a small executable with the rights of the task and
 * nothing of ours but four descriptors. A hang is a kill, a crash is an error, and
 * neither takes the supervisor along. The talk itself is in worker/conversation.c.
 */

#define WORKER_GRACE_MS 5000
/*
 * Everything was said: what is left is the exit, and a sanitizer's or libc's last work.
 */
#define WORKER_EXIT_MS 10000

static int make_pipes(int ret_pipes[static 6], struct error *err)
{
	for (int i = 0; i < 6; i++)
		ret_pipes[i] = -1;
	for (int i = 0; i < 3; i++)
		if (pipe2(&ret_pipes[2 * i], O_CLOEXEC) < 0)
			return error_set(err, errno, "make a pipe: %s", strerror(errno));
	return 0;
}

static void close_pipes(int pipes[static 6])
{
	for (int i = 0; i < 6; i++)
		memory_close_fd(&pipes[i]);
}

static int start(const struct worker_context *context, const struct worker_task *task,
		 const int fds[static CHILD_FD_COUNT], struct child *ret_child,
		 struct error *err)
{
	autofree char *home = text_format("HOME=%s", task->home ? task->home : "/");
	const char *const arguments[] = { task->helper, NULL };
	const char *const environment[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", home,
		"LANG=C.UTF-8", NULL
	};
	autoclose int executable_fd = -1;
	struct child_spec spec = {
		.arguments = arguments,
		.environment = environment,
		.identity = task->identity,
		.no_new_privileges = true,
		.dies_with_parent = true,
		/* Out of the terminal's reach: Ctrl-C is for us to pass on. */
		.has_own_session = true,
		.has_no_core = true,
	};
	int result = helper_open(task->helper, &executable_fd, err);

	if (result < 0)
		return result;
	spec.executable_fd = executable_fd;
	memcpy(spec.fds, fds, sizeof(spec.fds));
	return child_start(context->loop, &spec, ret_child, err);
}

/* What the child's end adds to what was said. */
static int judge_end(const struct child *child, const struct conversation *talk,
		     const char *helper, struct error *err)
{
	if (child->exec_error)
		return error_set(err, child->exec_error, "start %s: %s", helper,
				 strerror(child->exec_error));
	if (talk->has_error) {
		*err = talk->error;
		return err->code;
	}
	if (child->signal)
		return error_set(err, EPROTO, "%s was ended by SIG%s%s%s", helper,
				 sigabbrev_np(child->signal),
				 talk->diagnostics[0] ? ": " : "", talk->diagnostics);
	if (child->exit_status != 0 || !talk->result)
		return error_set(err, EPROTO, "%s ended with status %d and %s%s%s",
				 helper, child->exit_status,
				 talk->result ? "a result" : "no answer",
				 talk->diagnostics[0] ? ": " : "", talk->diagnostics);
	return 0;
}

static int await_end(const struct worker_context *context, const struct worker_task *task,
		     struct conversation *talk, struct child *child, struct error *err)
{
	int result = conversation_wait(talk, task->idle_timeout_ms, task->deadline, err);

	if (result == -ETIMEDOUT)
		result = error_wrap(err, "%s", task->helper);
	if (result == 0)
		result = loop_wait(context->loop, child_is_ended, child,
				   deadline_in(WORKER_EXIT_MS), err);
	if (result == -ETIME)
		result = error_set(err, ETIMEDOUT, "%s said all and did not end",
				   task->helper);
	if (result < 0) {
		child_stop(context->loop, child, WORKER_GRACE_MS);
		return result;
	}
	result = child_check_shutdown(context->loop, child->signal, err);
	if (result < 0)
		return result;
	conversation_drain(talk);
	return judge_end(child, talk, task->helper, err);
}

static int converse(const struct worker_context *context, const struct worker_task *task,
		    int pipes[static 6], struct json_object **ret_result,
		    struct error *err)
{
	const int theirs[CHILD_FD_COUNT] = { pipes[0], pipes[3], pipes[5],
					     context->lock_fd };
	struct conversation talk;
	struct child child = { 0 };
	int result = start(context, task, theirs, &child, err);

	if (result < 0)
		return result;
	memory_close_fd(&pipes[0]);
	memory_close_fd(&pipes[3]);
	memory_close_fd(&pipes[5]);
	pipes[0] = pipes[3] = pipes[5] = -1;
	result = conversation_init(&talk, context, json_secret_line(task->request),
				   (const int[]){ pipes[1], pipes[2], pipes[4] }, err);
	pipes[1] = pipes[2] = pipes[4] = -1;
	if (result == 0)
		result = await_end(context, task, &talk, &child, err);
	else
		child_stop(context->loop, &child, 0);
	child_done(&child);
	if (result == 0)
		*ret_result = TAKE(talk.result);
	conversation_done(&talk);
	return result;
}

int worker_perform(const struct worker_context *context, const struct worker_task *task,
		   struct json_object **ret_result, struct error *err)
{
	int pipes[6];
	int result = make_pipes(pipes, err);

	if (result == 0)
		result = converse(context, task, pipes, ret_result, err);
	close_pipes(pipes);
	return result;
}
