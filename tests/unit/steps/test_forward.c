/* SPDX-License-Identifier: MIT */
#include "steps/forward.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/text.h"
#include "run/log.h"
#include "secrets/secrets_types.h"
#include "steps/tail.h"

#include <fcntl.h>
#include <string.h>

/* A step's output on its way to standard error, which a pipe stands in for. */

#define READ_MAX_BYTES 65536

static char password[] = "hunter2-hunter2";
static struct secret items[] = { { .value = password } };
static const struct secrets secrets = { .items = items, .count = ARRAY_COUNT(items) };
static const struct log verbose = { .is_verbose = true };

struct capture {
	int saved_fd, read_fd;
};

static struct capture capture_begin(void)
{
	struct capture capture;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
	capture.saved_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	capture.read_fd = fds[0];
	assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	(void)close(fds[1]);
	return capture;
}

static char *capture_end(const struct capture *capture)
{
	char *text = memory_new(READ_MAX_BYTES + 1, 1);
	ssize_t length = read(capture->read_fd, text, READ_MAX_BYTES);

	text[length > 0 ? length : 0] = '\0';
	(void)dup2(capture->saved_fd, STDERR_FILENO);
	(void)close(capture->saved_fd);
	(void)close(capture->read_fd);
	return text;
}

/* What is logged of an output that comes in two parts. */
static char *logged(const char *output, size_t length, size_t first, bool is_named)
{
	struct capture capture = capture_begin();
	struct forward forward;

	forward_init(&forward, &verbose, &secrets, "bundle", is_named);
	forward_add(&forward, output, first);
	forward_add(&forward, output + first, length - first);
	forward_end(&forward);
	forward_done(&forward);
	return capture_end(&capture);
}

static void lines_are_whole_wherever_they_are_cut(void **state)
{
	static const char output[] = "one\n\r\ntwo hunter2-hunter2\r<hunter2-hunter2>\0.";
	static const char expected[] = "bootagent: | one\n"
				       "bootagent: | two [secret]\n"
				       "bootagent: | <[secret]> .\n";

	(void)state;
	for (size_t first = 0; first < sizeof(output); first++) {
		autofree char *text =
			logged(output, sizeof(output) - 1,
			       first < sizeof(output) - 1 ? first : 0, false);

		assert_string_equal(text, expected);
	}
}

static void lines_of_one_of_many_have_its_name(void **state)
{
	autofree char *text = logged("one\ntwo", 7, 5, true);

	(void)state;
	assert_string_equal(text, "bootagent: | bundle: one\nbootagent: | bundle: two\n");
}

/* Wherever in it a secret lies. */
static void a_long_line_is_cut_and_shows_no_half_of_a_secret(void **state)
{
	(void)state;
	for (size_t at = 1000; at < 1060; at++) {
		autofree char *output = memory_new(3001, 1);
		autofree char *text = NULL;

		memset(output, '.', 3000);
		memcpy(output + at, password, strlen(password));
		text = logged(output, 3000, 1010, false);
		assert_null(strstr(text, "hunter"));
		assert_null(strstr(text, "ter2"));
		if (at + strlen("[secret]") <= TAIL_LINE_MAX_BYTES)
			assert_non_null(strstr(text, "[secret]"));
		assert_non_null(strstr(text, TAIL_MARK "\nbootagent: | "));
		assert_non_null(strstr(text, " bytes more not logged\n"));
	}
}

static void what_nobody_takes_is_counted(void **state)
{
	struct capture capture = capture_begin();
	struct forward forward;
	autofree char *text = NULL;

	(void)state;
	forward_init(&forward, &verbose, NULL, "bundle", false);
	/* more than the pipe holds */
	for (int i = 0; i < 100; i++)
		for (int j = 0; j < 100; j++)
			forward_add(&forward, "0123456789\n", 11);
	assert_false(forward_is_complete(&forward));
	assert_true(forward.dropped_bytes > 0 && forward.dropped_bytes < 100000);
	forward_done(&forward);
	text = capture_end(&capture);
	assert_int_equal(forward.dropped_bytes, 0);
}

/* However short the lines are, and nothing that comes later is logged. */
static void what_is_logged_has_a_maximum(void **state)
{
	static const struct log nowhere = { .is_verbose = true, .is_journal = false };
	struct forward forward;
	int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int saved_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	int64_t dropped_bytes;

	(void)state;
	assert_int_equal(dup2(null_fd, STDERR_FILENO), STDERR_FILENO);
	forward_init(&forward, &nowhere, NULL, "bundle", false);
	for (int i = 0; i < 20000; i++)
		forward_add(&forward, "x\n", 2);
	dropped_bytes = forward.dropped_bytes;
	forward_add(&forward, "more", 4);
	(void)dup2(saved_fd, STDERR_FILENO);
	(void)close(saved_fd);
	(void)close(null_fd);
	assert_true(dropped_bytes > 0 && dropped_bytes < 10000);
	assert_int_equal(forward.dropped_bytes, dropped_bytes + 4);
	assert_false(forward_is_complete(&forward));
	forward_done(&forward);
}

static void a_log_that_wants_nothing_gets_nothing(void **state)
{
	static const struct log quiet = { .is_verbose = false };
	struct capture capture = capture_begin();
	struct forward forward;
	autofree char *text = NULL;

	(void)state;
	forward_init(&forward, &quiet, &secrets, "bundle", false);
	forward_add(&forward, "one\n", 4);
	forward_end(&forward);
	assert_false(forward_is_complete(&forward));
	forward_done(&forward);
	text = capture_end(&capture);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_whole_wherever_they_are_cut),
		cmocka_unit_test(lines_of_one_of_many_have_its_name),
		cmocka_unit_test(a_long_line_is_cut_and_shows_no_half_of_a_secret),
		cmocka_unit_test(what_nobody_takes_is_counted),
		cmocka_unit_test(what_is_logged_has_a_maximum),
		cmocka_unit_test(a_log_that_wants_nothing_gets_nothing),
	};

	return cmocka_run_group_tests_name("steps_forward", tests, NULL, NULL);
}
