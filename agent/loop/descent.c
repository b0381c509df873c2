/* SPDX-License-Identifier: MIT */
#include "loop/descent.h"

#include "base/memory.h"
#include "base/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/pidfd.h>

/*
 * The processes below one. Whoever kills a tree process by process loses against one that
 * forks as fast: a killed process makes room for another below the limit of its user. A
 * stopped one does not, so all are stopped before the first is ended. Each is pinned by a
 * pidfd and looked at once more before a signal goes to it: its number may be another's
 * by then.
 */

#define ROUNDS_MAX 64
#define LOOK_MAX_MS 5000
#define GROW_COUNT 256

struct member {
	pid_t pid;
	pid_t parent;
	int64_t start_time_ticks;
	bool is_below;
};

/* Sorted by pid. */
struct members {
	struct member *items;
	size_t count, room;
};

static int compare(const void *a, const void *b)
{
	const struct member *left = a, *right = b;

	return (left->pid > right->pid) - (left->pid < right->pid);
}

static struct member *find(const struct members *members, pid_t pid)
{
	const struct member wanted = { .pid = pid };

	if (members->count == 0)
		return NULL;
	return bsearch(&wanted, members->items, members->count, sizeof(wanted), compare);
}

static int add(pid_t pid, int process_fd, void *userdata)
{
	struct members *members = userdata;
	struct process process;

	if (process_fd < 0 || process_read(process_fd, &process) < 0)
		return 0;
	if (members->count == members->room) {
		members->items =
			memory_grow(members->items, members->room,
				    members->room + GROW_COUNT, sizeof(*members->items));
		members->room += GROW_COUNT;
	}
	members->items[members->count++] = (struct member){
		.pid = pid,
		.parent = process.parent,
		.start_time_ticks = process.start_time_ticks,
	};
	return 0;
}

/* Most parents have the lower number: one pass finds all, and one more that it did. */
static void mark(struct members *members, pid_t root)
{
	bool has_news = true;

	while (has_news) {
		has_news = false;
		for (size_t i = 0; i < members->count; i++) {
			struct member *member = &members->items[i];
			const struct member *parent;

			if (member->is_below)
				continue;
			parent = find(members, member->parent);
			member->is_below =
				member->parent == root || (parent && parent->is_below);
			has_news = has_news || member->is_below;
		}
	}
}

static void keep_those_below(struct members *members)
{
	size_t count = 0;

	for (size_t i = 0; i < members->count; i++)
		if (members->items[i].is_below)
			members->items[count++] = members->items[i];
	members->count = count;
}

static struct members look(pid_t root)
{
	struct members members = { 0 };
	autoclose int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		(void)!process_each(fd, deadline_in(LOOK_MAX_MS), add, &members);
	if (members.count > 0)
		qsort(members.items, members.count, sizeof(*members.items), compare);
	mark(&members, root);
	keep_those_below(&members);
	return members;
}

static bool send_signal(const struct member *member, int number)
{
	autoclose int fd = pidfd_open(member->pid, 0);
	struct process process;

	if (fd < 0 || process_look_up(member->pid, &process) < 0 ||
	    process.start_time_ticks != member->start_time_ticks)
		return false;
	return pidfd_send_signal(fd, number, NULL, 0) == 0;
}

/* Those that an earlier look has found are stopped already. */
static bool stop_new(const struct members *members, const struct members *before)
{
	bool has_stopped = false;

	for (size_t i = 0; i < members->count; i++) {
		const struct member *member = &members->items[i];
		const struct member *known = find(before, member->pid);

		if (known && known->start_time_ticks == member->start_time_ticks)
			continue;
		if (send_signal(member, SIGSTOP))
			has_stopped = true;
	}
	return has_stopped;
}

void descent_signal(pid_t root, int number)
{
	struct members members = { 0 };

	for (int round = 0; round < ROUNDS_MAX; round++) {
		struct members now = look(root);
		bool has_stopped = stop_new(&now, &members);

		free(members.items);
		members = now;
		if (!has_stopped)
			break;
	}
	for (size_t i = 0; i < members.count; i++)
		(void)send_signal(&members.items[i], number);
	for (size_t i = 0; i < members.count && number != SIGKILL; i++)
		(void)send_signal(&members.items[i], SIGCONT);
	free(members.items);
}
