/* SPDX-License-Identifier: MIT */
#ifndef STEPS_OUTPUT_H
#define STEPS_OUTPUT_H

#include "steps/forward.h"
#include "steps/tail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run;

/* Where a step's output goes: to the log, a terminal's live line, and a file. */
struct output {
	struct run *run;
	const char *step;
	bool is_one_of_many;
	struct tail tail;
	struct forward forward;
	int64_t shown_at_ms;
};

/* Must stay where it is until output_done(). */
void output_init(struct output *output, struct run *run, const char *step,
		 bool is_one_of_many);

/* What a step wrote just now. */
void output_add(struct output *output, const char *data, size_t length_bytes);

/*
 * All has come: the last of it is kept in the step's file. A file that cannot be written
 * is told, and no failure.
 */
void output_end(struct output *output);

/* Puts it where a failed stage's output is told from, unless the log has it already. */
void output_tell(struct output *output);

/* Where the output is kept; NULL: there was none. The caller frees it. */
char *output_place(const struct output *output);

void output_done(struct output *output);

#endif
