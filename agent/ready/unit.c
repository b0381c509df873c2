/* SPDX-License-Identifier: MIT */
#include "ready/unit.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/*
 * Whose answer it is (facts R11): after a reload old workers go on answering until the
 * new ones have taken their place. The kernel knows when each began and where it works;
 * which belong to the unit, systemd says by the cgroup's name. Read from /proc, as `ps`
 * does: no bus, and the same in a container.
 */

#define LOOK_MAX_MS 1000
#define PROCESSES_MAX 10000
#define CGROUP_MAX_BYTES 16384

struct member {
	pid_t pid, parent;
	int64_t start_time_ticks;
	bool is_in_directory;
};

struct look {
	const struct unit_question *question;
	struct member *members;
	size_t count, room;
	bool is_hidden;
};

/*
 * Whether a component is the unit's name. systemd puts '_' before names that a cgroup may
 * not have ("memory.service").
 */
static bool has_component(const char *path, const char *unit)
{
	size_t length = strlen(unit);

	while (*path) {
		size_t part = strcspn(path, "/");
		size_t skipped = part == length + 1 && *path == '_';

		if (part - skipped == length &&
		    strncmp(path + skipped, unit, length) == 0)
			return true;
		path += part;
		path += strspn(path, "/");
	}
	return false;
}

/* Lines of "ID:CONTROLLERS:PATH"; systemd's are those of version 2 and of its name. */
static bool is_unit_line(char *line, const char *unit)
{
	const char *id = strsep(&line, ":");
	const char *controllers = line ? strsep(&line, ":") : NULL;

	if (!line || !controllers)
		return false;
	if (strcmp(controllers, "name=systemd") != 0 &&
	    (strcmp(id, "0") != 0 || *controllers))
		return false;
	return has_component(line, unit);
}

/* The file, NUL-terminated; -1: it cannot be read. */
static ssize_t read_file(int process_fd, const char *name, char *text, size_t size_bytes)
{
	autoclose int fd = openat(process_fd, name, O_RDONLY | O_CLOEXEC);
	size_t length = 0;

	if (fd < 0)
		return -1;
	while (length < size_bytes - 1) {
		ssize_t got = read(fd, text + length, size_bytes - 1 - length);

		if (got < 0)
			return -1;
		if (got == 0)
			break;
		length += (size_t)got;
	}
	text[length] = '\0';
	return (ssize_t)length;
}

/* *ret_is_hidden is set where the process may not be looked at. */
static bool is_in_unit(int process_fd, const char *unit, bool *ret_is_hidden)
{
	char text[CGROUP_MAX_BYTES];
	char *rest = text, *line;

	if (process_fd < 0 || read_file(process_fd, "cgroup", text, sizeof(text)) < 0) {
		if (process_fd < 0 || errno == EACCES || errno == EPERM)
			*ret_is_hidden = true;
		return false;
	}
	while ((line = strsep(&rest, "\n")))
		if (is_unit_line(line, unit))
			return true;
	return false;
}

static bool is_in_directory(int process_fd, const char *directory)
{
	size_t wanted = strlen(directory);
	char path[PATH_MAX];
	ssize_t length = readlinkat(process_fd, "cwd", path, sizeof(path) - 1);

	if (length < 0)
		return false;
	path[length] = '\0';
	return strncmp(path, directory, wanted) == 0 &&
		(path[wanted] == '\0' || path[wanted] == '/');
}

static int visit(pid_t pid, int process_fd, void *userdata)
{
	struct look *look = userdata;
	struct process process;

	if (!is_in_unit(process_fd, look->question->unit, &look->is_hidden))
		return 0;
	if (process_read(process_fd, &process) < 0)
		return 0;
	if (look->count == PROCESSES_MAX)
		return -E2BIG;
	if (look->count == look->room) {
		look->room = look->room ? look->room * 2 : 16;
		look->members = memory_grow(look->members, look->count, look->room,
					    sizeof(*look->members));
	}
	look->members[look->count++] = (struct member){
		.pid = pid,
		.parent = process.parent,
		.start_time_ticks = process.start_time_ticks,
		.is_in_directory = is_in_directory(process_fd, look->question->directory),
	};
	return 0;
}

static bool is_worker(const struct look *look, const struct member *member)
{
	bool is_parent = false;

	for (size_t i = 0; i < look->count; i++) {
		if (look->members[i].pid == member->parent)
			return true;
		if (look->members[i].parent == member->pid)
			is_parent = true;
	}
	return !is_parent;
}

/*
 * The kernel tells starts in whole ticks, and one of the same tick may have come first;
 * ACTIVATE lets that tick pass before anything is started.
 */
static int64_t ticks_of(int64_t boottime_ms)
{
	return boottime_ms * sysconf(_SC_CLK_TCK) / 1000;
}

static struct unit_answer count(const struct look *look)
{
	struct unit_answer answer = { .process_count = look->count,
				      .is_hidden = look->is_hidden };
	int64_t since_ticks = ticks_of(look->question->since_ms);
	int64_t oldest_ticks = INT64_MAX;

	for (size_t i = 0; i < look->count; i++) {
		const struct member *member = &look->members[i];

		if (!is_worker(look, member))
			continue;
		answer.worker_count++;
		if (member->start_time_ticks > since_ticks || member->is_in_directory)
			continue;
		answer.old_count++;
		if (member->start_time_ticks < oldest_ticks) {
			oldest_ticks = member->start_time_ticks;
			answer.oldest = member->pid;
		}
	}
	return answer;
}

int unit_look(int proc_fd, const struct unit_question *question,
	      struct unit_answer *ret_answer, struct error *err)
{
	struct look look = { .question = question };
	int result = process_each(proc_fd, deadline_in(LOOK_MAX_MS), visit, &look);

	if (result == 0)
		*ret_answer = count(&look);
	free(look.members);
	if (result == -E2BIG)
		return error_set(err, result, "%s has more than %d processes",
				 question->unit, PROCESSES_MAX);
	if (result < 0)
		return error_set(err, result, "look in /proc for the processes of %s: %s",
				 question->unit, strerror(-result));
	return 0;
}

int unit_judge(const char *unit, const struct unit_answer *answer, struct error *err)
{
	if (answer->process_count == 0 && answer->is_hidden)
		return error_set(err, EACCES,
				 "no process of %s is to be seen, and others are hidden "
				 "(/proc has hidepid): run bootagent as root, or remove "
				 "readiness.unit",
				 unit);
	if (answer->process_count == 0)
		return error_set(err, ENOENT,
				 "it answers, but %s has no process: is that the name of "
				 "the unit that serves?",
				 unit);
	if (answer->old_count > 0)
		return error_set(
			err, ESTALE,
			"it answers, but %zu of %zu workers of %s are older than "
			"the release, the oldest is pid %d: does a step restart "
			"it?",
			answer->old_count, answer->worker_count, unit,
			(int)answer->oldest);
	return 0;
}
