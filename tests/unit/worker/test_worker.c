/* SPDX-License-Identifier: MIT */
#include "worker/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "loop/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

/*
 * The talk with a helper, good and bad. The helper is this program itself, found beside
 * the running one as every helper is; what it does is told by its home directory.
 */

#define SELF "test_worker_worker"
#define ROLE "/role/"

/* ---- the helper's side */

static void say(const char *text)
{
	(void)!write(1, text, strlen(text));
}

static void chatter(int fd, size_t size_bytes)
{
	char block[1024];

	memset(block, 'x', sizeof(block));
	for (size_t sent = 0; sent < size_bytes; sent += sizeof(block))
		(void)!write(fd, block, sizeof(block));
}

static void hear_all(void)
{
	char block[4096];

	while (read(0, block, sizeof(block)) > 0)
		;
}

static int echo(void)
{
	static char text[65536];
	size_t length = 0;
	ssize_t got;
	struct stat lock = { 0 };

	while ((got = read(0, text + length, sizeof(text) - 1 - length)) > 0)
		length += (size_t)got;
	(void)fstat(3, &lock);
	(void)dprintf(1, "{\"result\": {\"request\": %s, \"lock\": %llu}}\n", text,
		      (unsigned long long)lock.st_ino);
	return 0;
}

static int show_progress(void)
{
	hear_all();
	for (int i = 0; i < 3; i++) {
		/* lines may come in pieces, and several in one */
		(void)dprintf(1, "{\"progress\": {\"n\": %d", i);
		say("}}\n{\"progress\": {}}\n{\"pro");
		say("gress\": {}}\n");
	}
	say("{\"result\": {}}\n");
	return 0;
}

static int stay_alive(void)
{
	for (int i = 0; i < 6000; i++) {
		say("{\"progress\": {}}\n");
		(void)poll(NULL, 0, 10);
	}
	return 0;
}

static int fill_stderr(void)
{
	(void)dprintf(2, "==1==ERROR: something\n");
	chatter(2, 1024 * 1024);
	hear_all();
	say("{\"result\": {\"big\": true}}\n");
	return 0;
}

static int crash(void)
{
	(void)dprintf(2, "libfoo: assertion failed\n\n");
	chatter(2, 100 * 1024);
	(void)raise(SIGKILL);
	return 0;
}

/* Never read its request, however large it is. */
static int be_deaf(void)
{
	(void)close(0);
	say("{\"result\": {}}\n");
	return 0;
}

static int be_silent(void)
{
	(void)poll(NULL, 0, 60000);
	return 0;
}

static int say_too_much(void)
{
	chatter(1, 300 * 1024);
	return 0;
}

static const struct {
	const char *name;
	int (*play)(void);
	const char *line; /* or just this */
	int status;
} roles[] = {
	{ "echo", echo, NULL, 0 },
	{ "progress", show_progress, NULL, 0 },
	{ "alive", stay_alive, NULL, 0 },
	{ "stderr", fill_stderr, NULL, 0 },
	{ "crash", crash, NULL, 0 },
	{ "deaf", be_deaf, NULL, 0 },
	{ "silent", be_silent, NULL, 0 },
	{ "overlong", say_too_much, NULL, 0 },
	{ "error", NULL, "{\"error\": {\"code\": \"ENOENT\", \"message\": \"no 'x'\"}}\n",
	  1 },
	{ "canceled", NULL,
	  "{\"error\": {\"code\": \"ECANCELED\", \"message\": \"me\\u001b[0m\"}}\n", 1 },
	{ "error-0", NULL, "{\"error\": {\"code\": \"E?\", \"message\": \"odd\"}}\n", 0 },
	{ "no-code", NULL, "{\"error\": {\"message\": \"odd\"}}\n", 1 },
	{ "garbage", NULL, "hello\n", 0 },
	{ "empty-line", NULL, "\n", 0 },
	{ "array", NULL, "[{\"result\": {}}]\n", 0 },
	{ "neither", NULL, "{\"answer\": {}}\n", 0 },
	{ "text-result", NULL, "{\"result\": \"done\"}\n", 0 },
	{ "two", NULL, "{\"result\": {}}\n{\"result\": {}}\n", 0 },
	{ "late-progress", NULL, "{\"result\": {}}\n{\"progress\": {}}\n", 0 },
	{ "half", NULL, "{\"result\": {}}", 0 },
	{ "nothing", NULL, "", 0 },
	{ "status", NULL, "{\"result\": {}}\n", 3 },
};

static int play(const char *name)
{
	for (size_t i = 0; i < ARRAY_COUNT(roles); i++) {
		if (strcmp(roles[i].name, name) != 0)
			continue;
		if (roles[i].play)
			return roles[i].play();
		say(roles[i].line);
		return roles[i].status;
	}
	if (strcmp(name, "nul") == 0)
		(void)!write(1, "{\"result\": {}}\n\0", 16);
	return 0;
}

/* ---- the supervisor's side */

struct heard {
	int count;
	int64_t last;
};

static void on_progress(const struct json_object *progress, void *userdata)
{
	struct heard *heard = userdata;

	heard->count++;
	heard->last = json_integer(progress, "n", heard->last);
}

struct play {
	const char *role;
	int64_t idle_ms, total_ms;
	const char *filler; /* in the request; NULL: none */
	int lock_fd;
	struct heard heard;
};

static int perform(struct fixture *fixture, struct play *play,
		   struct json_object **ret_result, struct error *err)
{
	autojson struct json_object *request = json_new_object();
	autofree char *home = text_format(ROLE "%s", play->role);
	const struct worker_context context = { .loop = &fixture->loop,
						.lock_fd = play->lock_fd,
						.on_progress = on_progress,
						.userdata = &play->heard };
	const struct worker_task task = { .helper = SELF,
					  .home = home,
					  .request = request,
					  .idle_timeout_ms = play->idle_ms,
					  .deadline = deadline_in(play->total_ms) };
	int result;

	json_set_string(request, "verb", "play");
	if (play->filler)
		json_set_string(request, "filler", play->filler);
	result = worker_perform(&context, &task, ret_result, err);
	/* whatever happened, it is gone */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(result == 0, *ret_result != NULL);
	return result;
}

static struct play play_of(const char *role)
{
	return (struct play){
		.role = role, .idle_ms = 5000, .total_ms = 5000, .lock_fd = -1
	};
}

static void assert_fails(struct fixture *fixture, struct play play, int code,
			 const char *sentence)
{
	autojson struct json_object *result = NULL;
	struct error err = { 0 };

	assert_int_equal(perform(fixture, &play, &result, &err), code);
	assert_int_equal(err.code, code);
	assert_string_equal(err.text, sentence);
}

static void request_goes_out_and_result_comes_back(void **state)
{
	autojson struct json_object *result = NULL;
	struct play play = play_of("echo");
	struct error err = { 0 };
	struct stat status;

	play.lock_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fstat(play.lock_fd, &status), 0);
	assert_int_equal(perform(*state, &play, &result, &err), 0);
	(void)close(play.lock_fd);
	assert_string_equal(json_string(json_member(result, "request", json_type_object),
					"verb"),
			    "play");
	assert_int_equal(json_integer(result, "lock", 0), status.st_ino);
	assert_int_equal(err.code, 0);
}

static void progress_is_told(void **state)
{
	autojson struct json_object *result = NULL;
	struct play play = play_of("progress");
	struct error err = { 0 };

	assert_int_equal(perform(*state, &play, &result, &err), 0);
	assert_int_equal(play.heard.count, 9);
	assert_int_equal(play.heard.last, 2);
}

static void request_may_be_larger_than_a_pipe(void **state)
{
	autojson struct json_object *heard = NULL;
	autojson struct json_object *ignored = NULL;
	autofree char *filler = memory_new(1024 * 1024, 1);
	struct play play = play_of("stderr"), deaf = play_of("deaf");
	struct error err = { 0 };

	memset(filler, 'f', 1000 * 1024);
	/* both pipes are full: nobody may wait for the other */
	play.filler = deaf.filler = filler;
	assert_int_equal(perform(*state, &play, &heard, &err), 0);
	assert_true(json_boolean(heard, "big"));
	assert_int_equal(perform(*state, &deaf, &ignored, &err), 0);
}

static void error_is_the_workers_own(void **state)
{
	assert_fails(*state, play_of("error"), -ENOENT, "no 'x'");
	assert_fails(*state, play_of("error-0"), -EIO, "odd");
	/* but a worker cannot say that we were interrupted, nor write to a terminal */
	assert_fails(*state, play_of("canceled"), -EIO, "me [0m");
}

static void answer_that_is_none_is_refused(void **state)
{
	static const char *const garbled[] = {
		"garbage", "empty-line", "array", "neither",       "text-result",
		"two",     "no-code",    "nul",   "late-progress", "overlong",
	};

	for (size_t i = 0; i < ARRAY_COUNT(garbled); i++)
		assert_fails(*state, play_of(garbled[i]), -EPROTO,
			     "the worker's answer is garbled");
}

static void end_without_an_answer_is_told(void **state)
{
	assert_fails(*state, play_of("half"), -EPROTO,
		     SELF " ended with status 0 and no answer");
	assert_fails(*state, play_of("nothing"), -EPROTO,
		     SELF " ended with status 0 and no answer");
	assert_fails(*state, play_of("status"), -EPROTO,
		     SELF " ended with status 3 and a result");
}

static void last_words_of_a_crash_are_told(void **state)
{
	autojson struct json_object *result = NULL;
	struct play play = play_of("crash");
	struct error err = { 0 };

	assert_int_equal(perform(*state, &play, &result, &err), -EPROTO);
	assert_memory_equal(err.text,
			    SELF " was ended by SIGKILL: libfoo: assertion failed", 58);
}

static void silence_has_an_end(void **state)
{
	struct play silent = play_of("silent"), late = play_of("silent");

	silent.idle_ms = 40;
	assert_fails(*state, silent, -ETIMEDOUT, SELF ": nothing moved for 0 s");
	late.total_ms = 40;
	assert_fails(*state, late, -ETIMEDOUT, SELF ": it was not done in time");
}

static void progress_does_not_buy_more_time_than_there_is(void **state)
{
	struct play play = play_of("alive");

	/* many times longer than idle, cut by the deadline */
	play.idle_ms = 2000;
	play.total_ms = 60;
	assert_fails(*state, play, -ETIMEDOUT, SELF ": it was not done in time");
}

static void interrupted_run_takes_its_worker_along(void **state)
{
	assert_int_equal(raise(SIGTERM), 0);
	assert_fails(*state, play_of("silent"), -ECANCELED, "interrupted by SIGTERM");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(request_goes_out_and_result_comes_back),
		fixture_test(progress_is_told),
		fixture_test(request_may_be_larger_than_a_pipe),
		fixture_test(error_is_the_workers_own),
		fixture_test(answer_that_is_none_is_refused),
		fixture_test(end_without_an_answer_is_told),
		fixture_test(last_words_of_a_crash_are_told),
		fixture_test(silence_has_an_end),
		fixture_test(progress_does_not_buy_more_time_than_there_is),
		fixture_test(interrupted_run_takes_its_worker_along),
	};
	const char *home = getenv("HOME");

	if (home && strncmp(home, ROLE, strlen(ROLE)) == 0)
		_exit(play(home + strlen(ROLE)));
	return cmocka_run_group_tests_name("worker_worker", tests, NULL, NULL);
}
