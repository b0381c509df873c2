/* SPDX-License-Identifier: MIT */
#include "loop/session.h"

#include "base/memory.h"
#include "base/process.h"

#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/pidfd.h>

/*
 * A process group is easily left: coreutils' timeout makes one of its own, and so does
 * every shell with job control. A session is left only by whoever means to (setsid). Its
 * members are found in /proc; each is pinned by a pidfd and looked at once more before it
 * is killed, so that a number that was given away in between is not hit.
 */

#define ROUNDS_MAX 16

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

/* Visits every process, or until a visit says true; whether one did. */
static bool find_process(pid_t session, bool (*visit)(pid_t pid, pid_t session),
			 bool does_stop)
{
	DIR *processes = opendir("/proc");
	const struct dirent *entry;
	bool has_found = false;

	if (!processes)
		return false;
	while ((!has_found || !does_stop) && (entry = readdir(processes))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && visit(pid, session))
			has_found = true;
	}
	(void)closedir(processes);
	return has_found;
}

void session_kill(pid_t session)
{
	for (int round = 0; round < ROUNDS_MAX; round++)
		if (!find_process(session, kill_member, false))
			return;
}

bool session_has_members(pid_t session)
{
	return find_process(session, is_member, true);
}
