/* SPDX-License-Identifier: MIT */
#include "loop/session.h"

#include "base/memory.h"
#include "base/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/pidfd.h>

/*
 * A process group is easily left: coreutils' timeout makes one of its own, and so does
 * every shell with job control. A session is left only by whoever means to (setsid). Its
 * members are found in /proc; each is pinned by a pidfd and looked at once more before it
 * is killed, so that a number that was given away in between is not hit.
 */

#define ROUNDS_MAX 16
#define LOOK_MAX_MS 5000

static bool is_member(pid_t pid, pid_t session)
{
	struct process process;

	return process_look_up(pid, &process) == 0 && process.session == session;
}

static bool kill_member(pid_t pid, pid_t session)
{
	autoclose int fd = -1;

	if (!is_member(pid, session))
		return false;
	fd = pidfd_open(pid, 0);
	if (fd < 0 || !is_member(pid, session))
		return false;
	return pidfd_send_signal(fd, SIGKILL, NULL, 0) == 0;
}

struct search {
	pid_t session;
	bool (*visit)(pid_t pid, pid_t session);
	bool ends_at_first, has_found;
};

static int look_at(pid_t pid, int process_fd, void *userdata)
{
	struct search *search = userdata;

	if (process_fd >= 0 && search->visit(pid, search->session))
		search->has_found = true;
	return search->has_found && search->ends_at_first ? 1 : 0;
}

/* Whether a visit of any process said true. */
static bool find(struct search search)
{
	autoclose int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		(void)!process_each(fd, deadline_in(LOOK_MAX_MS), look_at, &search);
	return search.has_found;
}

void session_kill(pid_t session)
{
	const struct search search = { .session = session, .visit = kill_member };

	for (int round = 0; round < ROUNDS_MAX; round++)
		if (!find(search))
			return;
}

bool session_has_members(pid_t session)
{
	return find((struct search){
		.session = session, .visit = is_member, .ends_at_first = true });
}
