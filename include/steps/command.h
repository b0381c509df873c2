/* SPDX-License-Identifier: MIT */
#ifndef STEPS_COMMAND_H
#define STEPS_COMMAND_H

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>

struct error;
struct identity;
struct loop;

#define COMMAND_TAIL_MAX_BYTES 4096

/* A command of the configuration, to be run as a plain child in a session of its own. */
struct command {
	const char *const *arguments;
	const char *const *environment;
	const char *directory;
	const struct identity *identity;
	struct deadline deadline;
	int64_t tasks_max; /* processes of its user; 0: as many as we may have */
};

/* How it ended. */
struct command_end {
	int exit_status;                   /* -1: it did not exit by itself */
	int signal;                        /* that ended it, 0: none */
	char tail[COMMAND_TAIL_MAX_BYTES]; /* the last of what it wrote */
	bool is_cut;                       /* it wrote more before that */
};

/*
 * Runs it to its end, waiting for the process and not for the end of its output (facts
 * P1). 0 if it exited with status 0; what it left running is left alone then. -ECHILD:
 * another status or a signal; -ETIMEDOUT; -ECANCELED; the errno of a failed start. In
 * these cases all that it started is ended before the call returns.
 */
int command_run(struct loop *loop, const struct command *command,
		struct command_end *ret_end, struct error *err)
	__attribute__((warn_unused_result));

#endif
