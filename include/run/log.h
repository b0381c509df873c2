/* SPDX-License-Identifier: MIT */
#ifndef RUN_LOG_H
#define RUN_LOG_H

#include <stdbool.h>
#include <syslog.h>

/*
 * Where the program's log goes: to the journal if it owns our standard error, else there.
 */
struct log {
	bool is_journal;
	bool is_verbose;    /* debug lines too */
	const char *run_id; /* a journal field; NULL: none. Borrowed */
};

/* Decides by JOURNAL_STREAM: a datagram to a journal that is not there tells nobody. */
void log_init(struct log *log, bool is_verbose);

/*
 * Writes one line with a syslog priority. Never fails: a log that cannot be written is
 * lost.
 */
void log_write(const struct log *log, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Writes a line of a step's output, as it is: to the journal with the step's name as a
 * field. false: it was dropped, for there was no room for it just now.
 */
bool log_output(const struct log *log, const char *step, const char *line);

#endif
