/* SPDX-License-Identifier: MIT */
#include "steps/command.h"

#include "base/error.h"
#include "loop/loop.h"
#include "steps/job.h"

#include <errno.h>
#include <string.h>

/*
 * One command from its start to its end, for those that want its answer: the end of what
 * it wrote, as it is.
 */

struct output {
	char *tail;
	size_t length_bytes;
	bool is_cut;
};

static void keep_tail(void *userdata, const char *data, size_t length_bytes)
{
	const size_t max_bytes = COMMAND_TAIL_MAX_BYTES - 1;
	struct output *output = userdata;
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
	/* A NUL byte would hide what follows it. */
	for (size_t i = 0; i < length_bytes; i++)
		output->tail[output->length_bytes++] = data[i] ? data[i] : ' ';
	output->tail[output->length_bytes] = '\0';
}

static int await(struct loop *loop, struct job *job, struct error *err)
{
	struct kept *const all[] = { &job->kept };
	int result = loop_wait(loop, job_is_over, job, job->command->deadline, err);

	if (result == -ETIME)
		result = error_set(err, ETIMEDOUT, "not done within its timeout, ended");
	if (result == 0)
		result = job_judge(loop, job, err);
	if (result < 0)
		kept_stop(loop, all, 1, JOB_GRACE_MS);
	/* It ended well, and just in time. */
	return result == -ETIMEDOUT && !job->kept.was_stopped ? 0 : result;
}

int command_run(struct loop *loop, const struct command *command,
		struct command_end *ret_end, struct error *err)
{
	struct output output = { .tail = ret_end->tail };
	struct job job = { .on_output = keep_tail, .userdata = &output };
	int result;

	*ret_end = (struct command_end){ .exit_status = -1 };
	result = job_start(loop, command, &job, err);
	if (result == 0) {
		result = await(loop, &job, err);
		ret_end->exit_status = job.kept.exec_error ? -1 : job.kept.exit_status;
		ret_end->signal = job.kept.signal;
		job_drain(&job);
		ret_end->is_cut = output.is_cut;
	}
	job_done(&job);
	return result;
}
