/* SPDX-License-Identifier: MIT */
#include "loop/child.h"

#include "base/error.h"
#include "base/identity.h"
#include "base/memory.h"
#include "base/process.h"
#include "loop/loop.h"
#include "loop/session.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Children by fork and exec, watched by pidfd. Between fork and exec only system calls
 * run: libcurl's resolver threads may hold any lock of libc at that moment. The order
 * there matters: groups before uid, the parent-death signal after it (setuid clears it),
 * and then a look whether the parent still is the parent, for it may have died in
 * between.
 */

#define CHILD_KILL_WAIT_MS 10000
#define SESSION_LOOK_MS 20
#define SHUTDOWN_SKEW_MS 200
#define CHILD_EXEC_FAILED_STATUS 127

static int move_fds(const int fds[static CHILD_FD_COUNT])
{
	int safe[CHILD_FD_COUNT];
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null_fd < 0)
		return -errno;
	/*
	 * First out of the way of 0-3, then into place: no order of dup2() can collide.
	 */
	for (int i = 0; i < CHILD_FD_COUNT; i++) {
		int fd = fds[i] >= 0 ? fds[i] : null_fd;

		safe[i] = fcntl(fd, F_DUPFD_CLOEXEC, CHILD_FD_COUNT);
		if (safe[i] < 0)
			return -errno;
	}
	for (int i = 0; i < CHILD_FD_COUNT; i++)
		if (dup2(safe[i], i) < 0)
			return -errno;
	if (fds[3] < 0)
		(void)close(3);
	if (close_range(CHILD_FD_COUNT, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return -errno;
	return 0;
}

/* What is not ours to raise is set as high as we may. */
static int limit(__rlimit_resource_t resource, rlim_t soft, rlim_t hard)
{
	struct rlimit limit = { soft, hard }, ours;

	if (setrlimit(resource, &limit) == 0)
		return 0;
	if (errno != EPERM || getrlimit(resource, &ours) < 0)
		return -errno;
	if (limit.rlim_max > ours.rlim_max)
		limit.rlim_max = ours.rlim_max;
	if (limit.rlim_cur > limit.rlim_max)
		limit.rlim_cur = limit.rlim_max;
	return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

/* Before the change of user, who could raise nothing. */
static int set_limits(const struct child_limits *limits)
{
	struct rlimit core;
	int result;

	if (!limits)
		return 0;
	/* No core file unless it asks; our own limit of one byte is ours alone. */
	if (getrlimit(RLIMIT_CORE, &core) < 0)
		return -errno;
	result = limit(RLIMIT_CORE, 0, core.rlim_max);
	if (result == 0)
		result = limit(RLIMIT_NOFILE, (rlim_t)limits->open_files_soft,
			       (rlim_t)limits->open_files_hard);
	if (result == 0 && limits->tasks_max > 0)
		result = limit(RLIMIT_NPROC, (rlim_t)limits->tasks_max,
			       (rlim_t)limits->tasks_max);
	return result;
}

static int become(const struct identity *identity)
{
	if (!identity || geteuid() != 0)
		return 0;
	if (setgroups(identity->group_count, identity->groups) < 0)
		return -errno;
	if (setresgid(identity->gid, identity->gid, identity->gid) < 0)
		return -errno;
	if (setresuid(identity->uid, identity->uid, identity->uid) < 0)
		return -errno;
	return 0;
}

static int reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL);
	(void)sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

/* What the child may no more; after its change of user, which undoes the last of it. */
static int give_up_rights(const struct child_spec *spec, pid_t parent)
{
	int result;

	if (spec->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	result = spec->has_no_core ? process_forbid_core() : 0;
	if (result < 0)
		return result;
	if (!spec->dies_with_parent)
		return 0;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	return getppid() == parent ? 0 : -ESRCH;
}

static int prepare_child(const struct child_spec *spec, pid_t parent)
{
	int result = reset_signals();

	if (result == 0 && spec->has_own_session && setsid() < 0)
		result = -errno;
	if (result == 0)
		result = move_fds(spec->fds);
	if (result == 0)
		result = set_limits(spec->limits);
	if (result == 0)
		result = become(spec->identity);
	if (result == 0)
		result = give_up_rights(spec, parent);
	if (result == 0 && chdir(spec->directory ? spec->directory : "/") < 0)
		result = -errno;
	(void)umask(022);
	return result;
}

void child_execute(const struct child_spec *spec, pid_t parent, int report_fd)
{
	char *const *arguments = (char *const *)spec->arguments;
	char *const *environment = (char *const *)spec->environment;
	int result;

	/* Kept clear of the descriptors that move_fds() fills. */
	report_fd = fcntl(report_fd, F_DUPFD_CLOEXEC, CHILD_FD_COUNT);
	result = prepare_child(spec, parent);
	if (result == 0 && spec->executable_fd >= 0) {
		(void)execveat(spec->executable_fd, "", arguments, environment,
			       AT_EMPTY_PATH);
		result = -errno;
	}
	if (result == 0) {
		environ = (char **)environment;
		(void)execvp(spec->arguments[0], arguments);
		result = -errno;
	}
	/*
	 * The parent reads it when it reaps us; a failed write shows as status 127 alone.
	 */
	if (write(report_fd, &result, sizeof(result)) < 0)
		_exit(CHILD_EXEC_FAILED_STATUS);
	_exit(CHILD_EXEC_FAILED_STATUS);
}

static int on_pidfd(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct child *child = userdata;
	siginfo_t info = { 0 };
	int problem;

	(void)events;
	/*
	 * Left a zombie until child_done(): so its group's number cannot become
	 * another's.
	 */
	if (waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	    info.si_pid == 0)
		return 0;
	(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	child->has_ended = true;
	/* Reaped by somebody else: ended, nobody knows how. */
	if (info.si_code == CLD_EXITED)
		child->exit_status = info.si_status;
	else if (info.si_pid != 0)
		child->signal = info.si_status;
	if (read(child->report_fd, &problem, sizeof(problem)) == (ssize_t)sizeof(problem))
		child->exec_error = -problem;
	return 0;
}

static int watch(struct loop *loop, struct child *child)
{
	int result;

	child->pidfd = pidfd_open(child->pid, 0);
	if (child->pidfd < 0)
		return -errno;
	result = sd_event_add_io(loop->event, &child->source, child->pidfd, EPOLLIN,
				 on_pidfd, child);
	return result < 0 ? result : 0;
}

int child_start(struct loop *loop, const struct child_spec *spec, struct child *ret_child,
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
		child_execute(spec, parent, report_write);
	*ret_child = (struct child){ .pid = pid,
				     .pidfd = -1,
				     .report_fd = TAKE_FD(report_read),
				     .exit_status = -1,
				     .has_own_session = spec->has_own_session };
	result = watch(loop, ret_child);
	if (result == 0)
		return 0;
	(void)kill(ret_child->pid, SIGKILL);
	(void)waitpid(ret_child->pid, NULL, 0);
	child_done(ret_child);
	return error_set(err, result, "watch '%s': %s", spec->arguments[0],
			 strerror(-result));
}

bool child_is_ended(const void *child)
{
	return ((const struct child *)child)->has_ended;
}

void child_signal(const struct child *child, int number)
{
	/* Before its setsid() there is no such group yet. */
	if (child->has_own_session && kill(-child->pid, number) == 0)
		return;
	(void)pidfd_send_signal(child->pidfd, number, NULL, 0);
}

/* The rest of the session has the same grace to finish its work as its leader. */
static void await_session(struct loop *loop, const struct child *child,
			  struct deadline grace)
{
	struct error ignored;

	while (!deadline_is_over(grace) && session_has_members(child->pid))
		if (loop_pause(loop, SESSION_LOOK_MS, &ignored) < 0)
			return;
}

void child_stop(struct loop *loop, struct child *child, int64_t grace_ms)
{
	struct deadline grace = deadline_in(grace_ms);
	bool ignored_interrupts = loop->ignores_interrupts;
	struct error ignored;

	loop->ignores_interrupts = true;
	child_signal(child, SIGTERM);
	if (loop_wait(loop, child_is_ended, child, grace, &ignored) < 0)
		child_signal(child, SIGKILL);
	if (child->has_own_session) {
		await_session(loop, child, grace);
		session_kill(child->pid);
	}
	/* A killed process can only be late when the kernel holds it in a system call. */
	if (loop_wait(loop, child_is_ended, child, deadline_in(CHILD_KILL_WAIT_MS),
		      &ignored) < 0)
		child->has_ended = true;
	loop->ignores_interrupts = ignored_interrupts;
}

int child_check_shutdown(struct loop *loop, int number, struct error *err)
{
	if (number != SIGTERM && number != SIGINT && number != SIGHUP)
		return 0;
	return loop_pause(loop, SHUTDOWN_SKEW_MS, err);
}

void child_done(struct child *child)
{
	/* A zeroed one's descriptors would be our own standard input. */
	if (child->pid <= 0)
		return;
	child->source = sd_event_source_disable_unref(child->source);
	if (child->pidfd >= 0) {
		(void)waitid(P_PIDFD, (id_t)child->pidfd, &(siginfo_t){ 0 },
			     WEXITED | WNOHANG);
		(void)close(child->pidfd);
	}
	if (child->report_fd >= 0)
		(void)close(child->report_fd);
	child->pid = 0;
	child->pidfd = -1;
	child->report_fd = -1;
}
