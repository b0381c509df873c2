/* SPDX-License-Identifier: MIT */
#include "loop/kept.h"

#include "base/error.h"
#include "base/memory.h"
#include "loop/child.h"
#include "loop/descent.h"
#include "loop/keeper.h"
#include "loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Our side of a keeper: what it reports, and how a command is ended with all it started.
 * Ending is decided here and not there, since it needs looks at the whole machine and
 * memory; the keeper only sees to it that nothing gets out of its tree meanwhile.
 */

#define KILL_WAIT_MS 10000
#define KILL_AGAIN_MS 100
#define LEAVE_WAIT_MS 1000

static void note(struct kept *kept, int value)
{
	if (value < 0) {
		kept->exec_error = -value;
		return;
	}
	kept->has_ended = true;
	if (value >= KEEPER_SIGNALED)
		kept->signal = value - KEEPER_SIGNALED;
	else
		kept->exit_status = value;
}

/* false: nothing more will come. */
static bool read_reports(struct kept *kept)
{
	ssize_t got;
	int value;

	while ((got = read(kept->report_fd, &value, sizeof(value))) > 0)
		if (got == (ssize_t)sizeof(value))
			note(kept, value);
	return got < 0 && (errno == EAGAIN || errno == EINTR);
}

static int on_report(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	(void)fd;
	(void)events;
	if (!read_reports(userdata))
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return 0;
}

static int on_end(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct kept *kept = userdata;
	siginfo_t info = { 0 };

	(void)events;
	if (waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0)
		return 0;
	(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	(void)read_reports(kept);
	kept->is_lost = !kept->has_ended;
	kept->has_ended = true;
	kept->has_left = true;
	return 0;
}

static int watch(struct loop *loop, struct kept *kept)
{
	int result;

	kept->pidfd = pidfd_open(kept->pid, 0);
	if (kept->pidfd < 0)
		return -errno;
	result = sd_event_add_io(loop->event, &kept->end_source, kept->pidfd, EPOLLIN,
				 on_end, kept);
	if (result >= 0)
		result = sd_event_add_io(loop->event, &kept->report_source,
					 kept->report_fd, EPOLLIN, on_report, kept);
	return result < 0 ? result : 0;
}

int kept_start(struct loop *loop, const struct child_spec *spec, struct kept *ret_kept,
	       struct error *err)
{
	autoclose int report_read = -1, report_write = -1;
	pid_t parent = getpid(), pid;
	int report[2], result;

	if (pipe2(report, O_CLOEXEC | O_NONBLOCK) < 0)
		return error_set(err, errno, "make a pipe: %s", strerror(errno));
	report_read = report[0];
	report_write = report[1];
	pid = fork();
	if (pid < 0)
		return error_set(err, errno, "start '%s': %s", spec->arguments[0],
				 strerror(errno));
	if (pid == 0)
		keeper_run(spec, parent, report_write);
	*ret_kept = (struct kept){ .pid = pid,
				   .pidfd = -1,
				   .report_fd = TAKE_FD(report_read),
				   .exit_status = -1 };
	result = watch(loop, ret_kept);
	if (result == 0)
		return 0;
	descent_signal(pid, SIGKILL);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	kept_done(ret_kept);
	return error_set(err, result, "watch '%s': %s", spec->arguments[0],
			 strerror(-result));
}

static bool has_ended_well(const struct kept *kept)
{
	return kept->has_ended && !kept->exec_error && kept->exit_status == 0;
}

bool kept_is_over(const void *data)
{
	const struct kept *kept = data;

	return kept->has_left || (kept->has_ended && !has_ended_well(kept));
}

struct company {
	struct kept *const *all;
	size_t count;
};

static bool have_left(const void *data)
{
	const struct company *company = data;

	for (size_t i = 0; i < company->count; i++)
		if (!company->all[i]->has_left)
			return false;
	return true;
}

static void signal_all(const struct company *company, int number)
{
	for (size_t i = 0; i < company->count; i++)
		/* Those that ended well are left with what they left. */
		if (company->all[i]->was_stopped && !company->all[i]->has_left)
			descent_signal(company->all[i]->pid, number);
}

static void end_keeper(const struct kept *kept)
{
	if (!kept->has_left)
		(void)pidfd_send_signal(kept->pidfd, SIGKILL, NULL, 0);
}

/*
 * From now on the keeper stays whatever happens. A command that has ended well just
 * before has won: its keeper, if it stays, is told to go.
 */
static void hold(struct kept *kept)
{
	if (kept->has_left)
		return;
	(void)pidfd_send_signal(kept->pidfd, KEEPER_HOLD, NULL, 0);
	(void)read_reports(kept);
	kept->was_stopped = !has_ended_well(kept);
	if (!kept->was_stopped)
		end_keeper(kept);
}

/* Once is not enough only where processes may not be looked at or stopped. */
static void kill_all(struct loop *loop, const struct company *company)
{
	struct deadline last = deadline_in(KILL_WAIT_MS);
	struct error ignored;

	while (!have_left(company) && !deadline_is_over(last)) {
		signal_all(company, SIGKILL);
		if (loop_wait(loop, have_left, company, deadline_in(KILL_AGAIN_MS),
			      &ignored) == 0)
			return;
	}
}

void kept_stop(struct loop *loop, struct kept *const *all, size_t count, int64_t grace_ms)
{
	const struct company company = { all, count };
	struct deadline grace = deadline_in(grace_ms);
	bool ignored_interrupts = loop->ignores_interrupts;
	struct error ignored;

	loop->ignores_interrupts = true;
	for (size_t i = 0; i < count; i++)
		hold(all[i]);
	signal_all(&company, SIGTERM);
	if (loop_wait(loop, have_left, &company, grace, &ignored) < 0)
		kill_all(loop, &company);
	/* What the kernel holds in a system call dies when that is over, without us. */
	for (size_t i = 0; i < count; i++)
		end_keeper(all[i]);
	(void)!loop_wait(loop, have_left, &company, deadline_in(LEAVE_WAIT_MS), &ignored);
	loop->ignores_interrupts = ignored_interrupts;
}

void kept_done(struct kept *kept)
{
	/* A zeroed one's descriptors would be our own standard input. */
	if (kept->pid <= 0)
		return;
	kept->end_source = sd_event_source_disable_unref(kept->end_source);
	kept->report_source = sd_event_source_disable_unref(kept->report_source);
	memory_close_fd(&kept->pidfd);
	memory_close_fd(&kept->report_fd);
	kept->pid = 0;
	kept->pidfd = -1;
	kept->report_fd = -1;
}
