/* SPDX-License-Identifier: MIT */
#ifndef LOOP_KEPT_H
#define LOOP_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

struct child_spec;
struct error;
struct loop;

/*
 * A command with a keeper (loop/keeper.h), so that all it starts can be ended, whatever
 * session it went to. Must stay where it is until kept_done().
 */
struct kept {
	pid_t pid; /* the keeper's; 0: not started */
	int pidfd;
	int report_fd;
	sd_event_source *end_source, *report_source;
	bool has_ended;   /* the command itself */
	bool has_left;    /* the keeper, and all that it kept */
	bool was_stopped; /* by kept_stop(), before it had ended well */
	bool is_lost;     /* the keeper was killed: how the command ended, nobody knows */
	int exit_status;  /* of a command that exited, else -1 */
	int signal;       /* that ended it, else 0 */
	int exec_error;   /* errno of a command that could not be started, else 0 */
};

/* As child_start(). */
int kept_start(struct loop *loop, const struct child_spec *spec, struct kept *ret_kept,
	       struct error *err) __attribute__((warn_unused_result));

/*
 * For loop_wait(): whether the command (const struct kept *) has ended, and its keeper
 * with it if it ended well. What it left running then is nobody's any more.
 */
bool kept_is_over(const void *kept);

/*
 * Ends commands, all at the same time: TERM to everything below their keepers, after the
 * grace KILL; waits until nothing is left, interrupts notwithstanding. One that has ended
 * well by then is left as it is. Takes those that have ended otherwise already.
 */
void kept_stop(struct loop *loop, struct kept *const *all, size_t count,
	       int64_t grace_ms);

/* Frees what it holds. Takes a zeroed or done one too. */
void kept_done(struct kept *kept);

#endif
