/* SPDX-License-Identifier: MIT */
#ifndef LOOP_KEEPER_H
#define LOOP_KEEPER_H

#include <signal.h>
#include <sys/types.h>

struct child_spec;

/* To a keeper: stay until nothing is left, even if the command ends well. */
#define KEEPER_HOLD SIGUSR1

/*
 * What a keeper reports, an int each: a negative errno when the command could not be
 * executed, then how it ended: its exit status, or this plus the signal.
 */
#define KEEPER_SIGNALED 256

/*
 * In a process that was just forked from `parent`: starts the command and keeps it. Ends
 * when the command has exited with status 0, or when nothing of it is left. When the
 * parent dies, it kills all of it. Only system calls, as it is the copy of a process with
 * threads; it holds no descriptor but report_fd.
 */
void keeper_run(const struct child_spec *spec, pid_t parent, int report_fd)
	__attribute__((noreturn));

#endif
