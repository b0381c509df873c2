/* SPDX-License-Identifier: MIT */
#include "base/process.h"

#include "base/memory.h"
#include "base/text.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/*
 * Other processes as /proc shows them. A pid alone may be somebody else's by the time it
 * is used; with its start time it is one process for as long as the kernel runs. And what
 * a process with secrets in its memory does for itself.
 */

#define STAT_MAX_BYTES 4096

/*
 * core(5): a handler behind a pipe gets a dump however small the limit is, except at
 * exactly 1, which the kernel keeps for "never".
 */
#define CORE_NEVER_BYTES 1

/* Numbers of the fields in proc(5), which counts from 1. */
enum field {
	FIELD_STATE = 3,
	FIELD_PARENT = 4,
	FIELD_SESSION = 6,
	FIELD_THREAD_COUNT = 20,
	FIELD_START_TIME = 22,
};

static const char *find_field(const char *state_field, enum field wanted)
{
	const char *field = state_field;

	for (int i = FIELD_STATE; field && i < (int)wanted; i++) {
		field = strchr(field, ' ');
		if (field)
			field++;
	}
	return field;
}

/*
 * A process whose first thread is gone shows as a zombie, while others of its threads run
 * on and may do anything.
 */
static bool is_dead(const char *state)
{
	const char *threads = find_field(state, FIELD_THREAD_COUNT);

	if (*state == 'Z')
		return !threads || strtol(threads, NULL, 10) <= 1;
	return *state == 'X';
}

int process_look_up(int64_t pid, struct process *ret_process)
{
	autofree char *name = text_format("/proc/%" PRId64, pid);
	autoclose int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -ENOENT : process_read(fd, ret_process);
}

int process_read(int process_fd, struct process *ret_process)
{
	char text[STAT_MAX_BYTES];
	autoclose int fd = openat(process_fd, "stat", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	const char *state, *parent, *session, *start_time;

	if (length <= 0)
		return -ENOENT;
	text[length] = '\0';
	/*
	 * The command's name, field 2, may hold blanks and brackets: go by the last one.
	 */
	state = strrchr(text, ')');
	if (!state || strlen(state) < 3)
		return -EIO;
	state += 2;
	if (is_dead(state))
		return -ENOENT;
	parent = find_field(state, FIELD_PARENT);
	session = find_field(state, FIELD_SESSION);
	start_time = find_field(state, FIELD_START_TIME);
	if (!parent || !session || !start_time)
		return -EIO;
	*ret_process = (struct process){
		.parent = (pid_t)strtol(parent, NULL, 10),
		.session = (pid_t)strtol(session, NULL, 10),
		.start_time_ticks = strtoll(start_time, NULL, 10),
	};
	return 0;
}

static int visit_entry(DIR *directory, const char *name,
		       int (*visit)(pid_t pid, int process_fd, void *userdata),
		       void *userdata)
{
	autoclose int fd =
		openat(dirfd(directory), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno != EACCES && errno != EPERM)
		return 0;
	return visit((pid_t)strtol(name, NULL, 10), fd, userdata);
}

int process_each(int proc_fd, struct deadline deadline,
		 int (*visit)(pid_t pid, int process_fd, void *userdata), void *userdata)
{
	int fd = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int result = 0;

	if (!directory) {
		result = -errno;
		memory_close_fd(&fd);
		return result;
	}
	while (result == 0 && (entry = readdir(directory))) {
		if (isdigit((unsigned char)entry->d_name[0]))
			result = visit_entry(directory, entry->d_name, visit, userdata);
		if (result == 0 && deadline_is_over(deadline))
			result = -ETIME;
	}
	(void)closedir(directory);
	return result;
}

int process_forbid_core(void)
{
	const struct rlimit never = { CORE_NEVER_BYTES, CORE_NEVER_BYTES };
	struct rlimit limit;

	if (setrlimit(RLIMIT_CORE, &never) == 0)
		return 0;
	if (errno != EPERM || getrlimit(RLIMIT_CORE, &limit) < 0)
		return -errno;
	return limit.rlim_max == 0 ? 0 : -EPERM;
}

int process_hide_memory(void)
{
#ifdef __SANITIZE_ADDRESS__
	return 0;
#else
	return prctl(PR_SET_DUMPABLE, 0) < 0 ? -errno : 0;
#endif
}

void process_offer_to_oom_killer(void)
{
	static const char most[] = "1000";
	autoclose int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	/* Best effort: without it the kernel chooses by size alone. */
	if (fd < 0 || write(fd, most, strlen(most)) < 0)
		return;
}
