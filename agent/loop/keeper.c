/* SPDX-License-Identifier: MIT */
#include "loop/keeper.h"

#include "loop/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * The process between us and a command, init for all that the command starts: a child
 * subreaper (prctl(2)). Whoever leaves the command's session and loses its parent becomes
 * the keeper's child, not init's, so that all of a command is one tree for as long as the
 * keeper lives, and two commands at the same time are two trees. It reaps them, too.
 *
 * It stays root where we are root, so that the command cannot end it, and it is a fork
 * without exec: nothing in it reads what others wrote. With every signal blocked there is
 * no moment in which one is lost.
 */

#define NAME "bootagent-step"
#define FAILED_STATUS 127
#define CHILDREN "/proc/thread-self/children"
#define CHUNK_BYTES 4096
#define ORPHANED SIGUSR2
#define AGAIN_NS 50000000

struct keeper {
	pid_t parent, command;
	int report_fd;
	bool has_ended, has_ended_well;
};

static void tell(const struct keeper *keeper, int value)
{
	/*
	 * The pipe has room for all that is ever told. A parent that has died hears
	 * nothing, and then there is still to be ended what the command left.
	 */
	(void)!write(keeper->report_fd, &value, sizeof(value));
}

static void note_end(struct keeper *keeper, const siginfo_t *info)
{
	int value = info->si_status;

	if (info->si_code != CLD_EXITED)
		value += KEEPER_SIGNALED;
	keeper->has_ended = true;
	keeper->has_ended_well = value == 0;
	tell(keeper, value);
}

/* false: nothing is left. */
static bool reap(struct keeper *keeper)
{
	for (;;) {
		siginfo_t info = { 0 };

		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) < 0)
			return errno != ECHILD;
		if (info.si_pid == 0)
			return true;
		if (info.si_pid == keeper->command)
			note_end(keeper, &info);
	}
}

static bool is_held(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 && sigismember(&pending, KEEPER_HOLD) == 1;
}

/*
 * As those die, their children become ours: called again and again it ends them all. The
 * numbers are not given away while we have not reaped them. false: this kernel does not
 * tell who they are.
 */
static bool kill_children(void)
{
	int fd = open(CHILDREN, O_RDONLY | O_CLOEXEC);
	char chunk[CHUNK_BYTES];
	ssize_t length;
	pid_t pid = 0;

	if (fd < 0)
		return false;
	while ((length = read(fd, chunk, sizeof(chunk))) > 0)
		for (ssize_t i = 0; i < length; i++) {
			if (chunk[i] >= '0' && chunk[i] <= '9') {
				pid = pid * 10 + (chunk[i] - '0');
				continue;
			}
			if (pid > 0)
				(void)kill(pid, SIGKILL);
			pid = 0;
		}
	(void)close(fd);
	return true;
}

static void keep(struct keeper *keeper)
{
	const struct timespec again = { .tv_nsec = AGAIN_NS };
	sigset_t awaited;
	bool is_orphan = false;

	(void)sigemptyset(&awaited);
	(void)sigaddset(&awaited, SIGCHLD);
	(void)sigaddset(&awaited, ORPHANED);
	while (reap(keeper)) {
		if (keeper->has_ended_well && !is_held() && !is_orphan)
			return;
		if (getppid() != keeper->parent)
			is_orphan = true;
		/* With us the command itself dies, at least. */
		if (is_orphan && !kill_children())
			return;
		(void)sigtimedwait(&awaited, NULL, is_orphan ? &again : NULL);
	}
}

/* Nothing of ours stays open: no lock, no socket, no output that somebody waits for. */
static void close_others(int fd)
{
	if (fd > 0)
		(void)close_range(0, (unsigned int)fd - 1, 0);
	(void)close_range((unsigned int)fd + 1, ~0U, 0);
}

static int become_keeper(pid_t parent)
{
	sigset_t all;

	(void)sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, NULL) < 0)
		return -errno;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, ORPHANED, 0, 0, 0) < 0 || chdir("/") < 0)
		return -errno;
	(void)prctl(PR_SET_NAME, NAME, 0, 0, 0);
	return getppid() == parent ? 0 : -ESRCH;
}

void keeper_run(const struct child_spec *spec, pid_t parent, int report_fd)
{
	pid_t self = getpid();
	struct keeper keeper = { .parent = parent };
	int result = become_keeper(parent);

	/* Kept clear of the descriptors that a child fills. */
	keeper.report_fd = fcntl(report_fd, F_DUPFD_CLOEXEC, CHILD_FD_COUNT);
	if (keeper.report_fd < 0)
		_exit(FAILED_STATUS);
	if (result == 0) {
		/* Not fork(), whose handlers take locks that a thread may have held. */
		keeper.command = _Fork();
		result = keeper.command < 0 ? -errno : 0;
	}
	if (result < 0) {
		tell(&keeper, result);
		_exit(FAILED_STATUS);
	}
	if (keeper.command == 0)
		child_execute(spec, self, keeper.report_fd);
	close_others(keeper.report_fd);
	keep(&keeper);
	_exit(0);
}
