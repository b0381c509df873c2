/* SPDX-License-Identifier: MIT */
#ifndef STEPS_FORWARD_H
#define STEPS_FORWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log;
struct secrets;

/* What a step writes on its way to the log, line by line as it comes. */
struct forward {
	const struct log *log;
	const struct secrets *secrets;
	const char *step;
	bool is_named; /* lines on standard error begin with the step's name */
	char *line;    /* the one that is under way */
	size_t length_bytes, room_bytes;
	int64_t left_bytes;    /* that may still be logged */
	int64_t dropped_bytes; /* that were not */
};

/* Everything is borrowed until forward_done(). */
void forward_init(struct forward *forward, const struct log *log,
		  const struct secrets *secrets, const char *step, bool is_named);

void forward_add(struct forward *forward, const char *data, size_t length_bytes);

/* The last line may have no end; and how much was not logged is told. */
void forward_end(struct forward *forward);

/* Whether all of it is in the log by now. */
bool forward_is_complete(const struct forward *forward);

void forward_done(struct forward *forward);

#endif
