/* SPDX-License-Identifier: MIT */
#ifndef LOOP_CHILD_H
#define LOOP_CHILD_H

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

struct error;
struct identity;
struct loop;

#define CHILD_FD_COUNT 4

/* Limits of a child, made explicit: they are alike whoever started us. */
struct child_limits {
	int64_t open_files_soft, open_files_hard; /* RLIMIT_NOFILE */
	int64_t tasks_max;                        /* RLIMIT_NPROC; 0: as ours */
};

/* How to start a child; everything is borrowed for the call. */
struct child_spec {
	const char *const *arguments;   /* ends with NULL */
	const char *const *environment; /* ends with NULL; nothing else is inherited */
	int executable_fd;       /* -1: arguments[0], sought in the environment's PATH */
	const char *directory;   /* working directory, entered as the user; NULL: "/" */
	int fds[CHILD_FD_COUNT]; /* become 0, 1, 2, 3; -1: /dev/null (3: closed) */
	const struct identity *identity;   /* NULL: as we are */
	const struct child_limits *limits; /* NULL: as ours; never above what we may */
	bool no_new_privileges; /* never for steps: takes Debian's crontab its group */
	bool dies_with_parent;
	bool has_no_core;     /* never a core dump: its memory may hold what is secret */
	bool has_own_session; /* a group of its own, to be killed as a whole */
};

/* A running or ended child. Must stay where it is until child_done(). */
struct child {
	pid_t pid;
	int pidfd;
	int report_fd;
	sd_event_source *source;
	bool has_own_session;
	bool has_ended;
	int exit_status; /* of a child that exited, else -1 */
	int signal;      /* that ended it, else 0 */
	int exec_error;  /* errno of a child that could not be started, else 0 */
};

/*
 * Forks and executes; never runs code of ours between the two that could lock or
 * allocate. A failing exec is told when the child has ended, by `exec_error`. Does not
 * block.
 */
int child_start(struct loop *loop, const struct child_spec *spec, struct child *ret_child,
		struct error *err) __attribute__((warn_unused_result));

/*
 * In a process that was just forked from `parent`: becomes what the spec says. A failure
 * is written to report_fd, a negative errno as an int.
 */
void child_execute(const struct child_spec *spec, pid_t parent, int report_fd)
	__attribute__((noreturn));

/* For loop_wait(): whether the child (const struct child *) has ended. */
bool child_is_ended(const void *child);

/* Sends the signal to the child, or to its whole group if it has its own session. */
void child_signal(const struct child *child, int number);

/*
 * Ends the child: TERM, then KILL after the grace, to its group where it has one,
 * then KILL to what is left of its session, which has the same grace; waits until it has
 * ended, interrupts notwithstanding. Takes a child that has ended already.
 */
void child_stop(struct loop *loop, struct child *child, int64_t grace_ms);

/*
 * For a child that was ended by this signal (0: by none) and not by us. For TERM, INT and
 * HUP waits a moment for the same to come to us, since a shutdown signals every process,
 * and not all at once. -ECANCELED: it came. 0: it did not, or the child ended otherwise.
 */
int child_check_shutdown(struct loop *loop, int number, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Reaps a child that has ended and frees what it holds. Takes a zeroed or done one too.
 */
void child_done(struct child *child);

#endif
