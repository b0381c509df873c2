/* SPDX-License-Identifier: MIT */
#include "run/log.h"

#include "base/memory.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/poll.h>
#include <sys/stat.h>
#include <unistd.h>

/* The line's origin is this program, not the place in log.c that sends it. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

/*
 * The log, written by the verbs and the pipeline alone; what lies below returns errors.
 * Under systemd a line is a journal entry with its priority and the run's id, elsewhere a
 * line on standard error. Nobody waits for a reader that does not read.
 */

#define LOG_LINE_MAX_BYTES 4096

/*
 * systemd.exec(5): JOURNAL_STREAM is "device:inode" of the stream given to the service.
 */
static bool is_journal_stream(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	autofree char *ours = NULL;
	struct stat status;

	if (!stream || fstat(fd, &status) < 0)
		return false;
	ours = text_format("%" PRIuMAX ":%" PRIuMAX, (uintmax_t)status.st_dev,
			   (uintmax_t)status.st_ino);
	return strcmp(stream, ours) == 0;
}

void log_init(struct log *log, bool is_verbose)
{
	*log = (struct log){ .is_journal = is_journal_stream(STDERR_FILENO),
			     .is_verbose = is_verbose };
}

static void write_stderr(const char *text)
{
	struct pollfd ready = { .fd = STDERR_FILENO, .events = POLLOUT };
	autofree char *line = text_format("bootagent: %s\n", text);

	if (poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) &&
	    write(STDERR_FILENO, line, strlen(line)) < 0)
		return;
}

void log_write(const struct log *log, int priority, const char *format, ...)
{
	char text[LOG_LINE_MAX_BYTES];
	va_list arguments;

	if (priority > LOG_INFO && !log->is_verbose)
		return;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (!log->is_journal) {
		write_stderr(text);
		return;
	}
	(void)sd_journal_send("PRIORITY=%d", priority, "MESSAGE=%s", text,
			      "SYSLOG_IDENTIFIER=bootagent", "BOOTAGENT_RUN_ID=%s",
			      log->run_id ? log->run_id : "", NULL);
}
