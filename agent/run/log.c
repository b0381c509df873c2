/* SPDX-License-Identifier: MIT */
#include "run/log.h"

#include "base/memory.h"
#include "base/text.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * The log, written by the verbs and the pipeline alone; what lies below returns errors.
 * Under systemd a line is a journal entry with its priority and the run's id, elsewhere a
 * line on standard error. Nobody waits for a reader that does not read, so the journal
 * gets its datagram from here: sd_journal_send() blocks on a journald that has stalled.
 */

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
/* With "bootagent: " and the line's end still one atomic write to a pipe. */
#define LOG_TEXT_MAX_BYTES (PIPE_BUF - 64)

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

static bool write_stderr(const char *text)
{
	struct pollfd ready = { .fd = STDERR_FILENO, .events = POLLOUT };
	autofree char *line = text_format("bootagent: %s\n", text);

	return poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) &&
		write(STDERR_FILENO, line, strlen(line)) > 0;
}

/*
 * systemd.io/JOURNAL_NATIVE_PROTOCOL: one datagram, a field a line; no line ends within.
 */
static bool write_journal(const struct log *log, int priority, const char *step,
			  const char *text)
{
	static const struct sockaddr_un address = { .sun_family = AF_UNIX,
						    .sun_path = JOURNAL_SOCKET };
	autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	autofree char *entry = text_format("PRIORITY=%d\nSYSLOG_IDENTIFIER=bootagent\n"
					   "BOOTAGENT_RUN_ID=%s\n%s%s%sMESSAGE=%s\n",
					   priority, log->run_id ? log->run_id : "",
					   step ? "BOOTAGENT_STEP=" : "",
					   step ? step : "", step ? "\n" : "", text);

	return fd >= 0 &&
		sendto(fd, entry, strlen(entry), MSG_NOSIGNAL,
		       (const struct sockaddr *)&address, sizeof(address)) >= 0;
}

void log_write(const struct log *log, int priority, const char *format, ...)
{
	char text[LOG_TEXT_MAX_BYTES];
	va_list arguments;

	if (priority > LOG_INFO && !log->is_verbose)
		return;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	text_make_printable(text);
	if (log->is_journal)
		(void)write_journal(log, priority, NULL, text);
	else
		(void)write_stderr(text);
}

bool log_output(const struct log *log, const char *step, const char *line)
{
	return log->is_journal ? write_journal(log, LOG_INFO, step, line)
			       : write_stderr(line);
}
