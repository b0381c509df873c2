/* SPDX-License-Identifier: MIT */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include "base/clock.h"

#include <stdint.h>
#include <sys/types.h>

/* What the kernel says of a process, proc(5), /proc/PID/stat. */
struct process {
	pid_t parent;
	pid_t session;
	int64_t start_time_ticks; /* clock ticks since the kernel started */
};

/* Looks a process up. -ENOENT: there is none, or it is dead and only not reaped yet. */
int process_look_up(int64_t pid, struct process *ret_process)
	__attribute__((warn_unused_result));

/* The same of the process whose directory in /proc is open. */
int process_read(int process_fd, struct process *ret_process)
	__attribute__((warn_unused_result));

/*
 * Visits every process of an open /proc: its number, and its directory, borrowed; -1: it
 * may not be looked at (hidepid). A process that ends meanwhile is passed over. What a
 * visit returns other than 0 ends the walk and is returned. -ETIME: the deadline is over.
 */
int process_each(int proc_fd, struct deadline deadline,
		 int (*visit)(pid_t pid, int process_fd, void *userdata), void *userdata)
	__attribute__((warn_unused_result));

/*
 * This process and its children never leave a core file, and no core handler gets their
 * memory. Safe between fork and exec. A negative errno; a hard limit of 0 is taken for
 * enough.
 */
int process_forbid_core(void) __attribute__((warn_unused_result));

/*
 * From now on no other process of this user reads this one's memory or takes its
 * descriptors (ptrace(2), /proc/PID/mem, pidfd_getfd(2)). Not in a sanitized build, whose
 * leak checker traces its own process. A negative errno.
 */
int process_hide_memory(void) __attribute__((warn_unused_result));

/*
 * When the machine runs out of memory, this process is to end and not the application
 * beside it. Only as long as nothing is hidden: afterwards /proc/self is root's.
 */
void process_offer_to_oom_killer(void);

#endif
