/* SPDX-License-Identifier: MIT */
#ifndef RUN_REPORT_H
#define RUN_REPORT_H

#include <stdbool.h>
#include <stdint.h>

enum report_style {
	REPORT_PLAIN,    /* one line a stage */
	REPORT_TERMINAL, /* the same, with a live line while one runs */
	REPORT_JSON,     /* one object a line */
};

/* What a run tells on standard output while it goes. */
struct report {
	enum report_style style;
	bool has_live_line;
	int64_t last_progress_at_ms;
};

void report_init(struct report *report, bool is_json);

/* A stage has begun: the live line of a terminal. */
void report_begin(struct report *report, const char *stage);

/*
 * How far a stage is, "1,200 of 3,456 objects"; shown on a terminal, a few times a
 * second.
 */
void report_progress(struct report *report, const char *stage, const char *text);

/* A stage has ended. `detail` is what it found or why it failed; NULL: nothing to say. */
void report_end(struct report *report, const char *stage, const char *state,
		int64_t duration_ms, const char *detail);

/* The run's last line. */
void report_summary(struct report *report, const char *verb, const char *result,
		    int64_t duration_ms, const char *detail);

/* Writes a whole text to standard output for a person who asked for it (help, status). */
void report_text(const char *text);

#endif
