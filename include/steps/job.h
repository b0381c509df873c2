/* SPDX-License-Identifier: MIT */
#ifndef STEPS_JOB_H
#define STEPS_JOB_H

#include "loop/kept.h"
#include "steps/command.h"

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

struct error;
struct loop;

#define JOB_GRACE_MS 5000

/* A command under way. Must stay where it is until job_done(). */
struct job {
	const struct command *command;
	struct kept kept;
	int output_fd;
	sd_event_source *source;
	/* What it wrote just now; from a handler, so nothing is waited for there. */
	void (*on_output)(void *userdata, const char *data, size_t length_bytes);
	void *userdata;
};

/*
 * Starts it, on_output and userdata being set; the command is borrowed. job_done() frees
 * what it holds, and takes one whose start has failed.
 */
int job_start(struct loop *loop, const struct command *command, struct job *job,
	      struct error *err) __attribute__((warn_unused_result));

/* For loop_wait(): whether it (const struct job *) has ended. */
bool job_is_over(const void *job);

/*
 * How it ended: 0, -ECHILD, -ECANCELED, or the errno of a failed start, as command_run().
 * May wait a moment for a signal that ended it to come to us, too.
 */
int job_judge(struct loop *loop, const struct job *job, struct error *err)
	__attribute__((warn_unused_result));

/* Reads what it wrote last, and no more than a pipe may hold: a daemon may write on. */
void job_drain(struct job *job);

void job_done(struct job *job);

#endif
