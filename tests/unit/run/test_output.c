/* SPDX-License-Identifier: MIT */
#include "run/report.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "run/log.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a run prints and logs, read from a pipe that stands in a descriptor's place. */

struct capture {
	int fd, saved_fd, read_fd;
};

static struct capture capture_begin(int fd)
{
	struct capture capture = { .fd = fd };
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
	capture.saved_fd = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	capture.read_fd = fds[0];
	assert_int_equal(dup2(fds[1], fd), fd);
	(void)close(fds[1]);
	return capture;
}

static void capture_end(struct capture *capture, char *ret_text, size_t size_bytes)
{
	ssize_t length = read(capture->read_fd, ret_text, size_bytes - 1);

	ret_text[length > 0 ? length : 0] = '\0';
	(void)dup2(capture->saved_fd, capture->fd);
	(void)close(capture->saved_fd);
	(void)close(capture->read_fd);
}

static void a_stage_is_a_line(void **state)
{
	struct capture capture = capture_begin(STDOUT_FILENO);
	struct report report;
	char text[1024];

	(void)state;
	report_init(&report, false);
	report_begin(&report, "source");
	report_progress(&report, "source", "1 of 2 objects");
	report_end(&report, "source", "done", 42, "main is abc");
	report_end(&report, "after-publish", "failed", 9999, NULL);
	report_end(&report, "steps", "done", 61234, NULL);
	report_summary(&report, "boot", "done", 10000, NULL);
	report_summary(&report, "sync", "failed", 0, "why");
	capture_end(&capture, text, sizeof(text));
	assert_string_equal(text,
			    "  source         done        42 ms  main is abc\n"
			    "  after-publish  failed    9999 ms\n"
			    "  steps          done       61.2 s\n"
			    "boot: done in 10.0 s\n"
			    "sync: failed in 0 ms: why\n");
}

static void machines_get_an_object_a_line(void **state)
{
	struct capture capture = capture_begin(STDOUT_FILENO);
	struct report report;
	char text[1024];

	(void)state;
	report_init(&report, true);
	report_begin(&report, "source");
	report_progress(&report, "source", "1 of 2 objects");
	report_end(&report, "source", "done", 42, "a \"b\"\n/c");
	report_end(&report, "steps", "skipped", 0, NULL);
	report_summary(&report, "boot", "done", 61234, NULL);
	capture_end(&capture, text, sizeof(text));
	assert_string_equal(
		text,
		"{\"stage\":\"source\",\"state\":\"done\",\"duration_ms\":42,"
		"\"detail\":\"a \\\"b\\\"\\n/c\"}\n"
		"{\"stage\":\"steps\",\"state\":\"skipped\",\"duration_ms\":0,"
		"\"detail\":null}\n"
		"{\"verb\":\"boot\",\"result\":\"done\",\"duration_ms\":61234,"
		"\"detail\":null}\n");
}

static void nobody_is_waited_for(void **state)
{
	struct capture capture = capture_begin(STDOUT_FILENO);
	struct report report;
	char text[1024];
	int64_t begun_ms = clock_monotonic_ms();

	(void)state;
	report_init(&report, false);
	/* far more than the pipe holds, and nobody reads */
	for (int i = 0; i < 5000; i++)
		report_end(&report, "source", "done", 1, "a line of some length");
	assert_in_range(clock_monotonic_ms() - begun_ms, 0, 1500);
	/* and when nobody can */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)close(capture.read_fd);
	capture.read_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	report_end(&report, "source", "done", 1, NULL);
	report_text("help\n");
	capture_end(&capture, text, sizeof(text));
}

static void log_line_says_who_speaks(void **state)
{
	struct capture capture = capture_begin(STDERR_FILENO);
	struct log log;
	char text[8192];

	(void)state;
	assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
	log_init(&log, false);
	log_write(&log, LOG_ERR, "boot: %s", "no");
	log_write(&log, LOG_DEBUG, "not wanted");
	log.is_verbose = true;
	log_write(&log, LOG_DEBUG, "wanted");
	capture_end(&capture, text, sizeof(text));
	assert_false(log.is_journal);
	assert_string_equal(text, "bootagent: boot: no\nbootagent: wanted\n");
}

static void log_line_has_a_maximum(void **state)
{
	struct capture capture = capture_begin(STDERR_FILENO);
	static char huge[10000];
	struct log log;
	char text[8192];

	(void)state;
	memset(huge, 'x', sizeof(huge) - 1);
	log_init(&log, false);
	log_write(&log, LOG_ERR, "%s", huge);
	capture_end(&capture, text, sizeof(text));
	/* a pipe takes it whole or not at all */
	assert_true(strlen(text) > 4000 && strlen(text) <= PIPE_BUF);
	assert_int_equal(text[strlen(text) - 1], '\n');
}

/* A stream that was handed to somebody else is not ours. */
static void journal_is_known_by_its_stream(void **state)
{
	struct log log;

	(void)state;
	assert_int_equal(setenv("JOURNAL_STREAM", "1:2", 1), 0);
	log_init(&log, false);
	assert_false(log.is_journal);
	assert_int_equal(setenv("JOURNAL_STREAM", "nonsense", 1), 0);
	log_init(&log, false);
	assert_false(log.is_journal);
	assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stage_is_a_line),
		cmocka_unit_test(machines_get_an_object_a_line),
		cmocka_unit_test(nobody_is_waited_for),
		cmocka_unit_test(log_line_says_who_speaks),
		cmocka_unit_test(log_line_has_a_maximum),
		cmocka_unit_test(journal_is_known_by_its_stream),
	};

	return cmocka_run_group_tests_name("run_output", tests, NULL, NULL);
}
