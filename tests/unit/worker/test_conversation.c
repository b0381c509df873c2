/* SPDX-License-Identifier: MIT */
#include "worker/conversation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "worker/worker.h"

#include <errno.h>
#include <string.h>

/* What a worker wrote, however the pipe cut it. */

static void count_progress(const struct json_object *progress, void *userdata)
{
	(void)progress;
	++*(int *)userdata;
}

struct fixture {
	int progress_count;
	struct worker_context context;
	struct conversation talk;
};

static void begin(struct fixture *fixture)
{
	*fixture = (struct fixture){
		.talk = { .request_fd = -1, .reply_fd = -1, .diagnostics_fd = -1 }
	};
	fixture->context =
		(struct worker_context){ .on_progress = count_progress,
					 .userdata = &fixture->progress_count };
	fixture->talk.context = &fixture->context;
}

static int take(struct fixture *fixture, const char *text)
{
	return conversation_take(&fixture->talk, text, strlen(text));
}

static void line_may_come_in_pieces(void **state)
{
	static const char text[] = "{\"progress\": {}}\n{\"progress\": {\"done\": 1}}\n"
				   "{\"result\": {\"a\": \"b\"}}\n";
	struct fixture fixture;

	(void)state;
	for (size_t piece = 1; piece < sizeof(text); piece++) {
		begin(&fixture);
		for (size_t at = 0; at < sizeof(text) - 1; at += piece) {
			size_t left = sizeof(text) - 1 - at;

			assert_int_equal(conversation_take(&fixture.talk, text + at,
							   piece < left ? piece : left),
					 0);
		}
		assert_int_equal(fixture.progress_count, 2);
		assert_string_equal(json_string(fixture.talk.result, "a"), "b");
		assert_false(fixture.talk.has_error);
		conversation_done(&fixture.talk);
	}
}

static void half_a_line_says_nothing(void **state)
{
	struct fixture fixture;

	(void)state;
	begin(&fixture);
	assert_int_equal(take(&fixture, "{\"result\": {}}"), 0);
	assert_null(fixture.talk.result);
	assert_int_equal(take(&fixture, "\n"), 0);
	assert_non_null(fixture.talk.result);
	conversation_done(&fixture.talk);
}

static void nothing_may_follow_the_end(void **state)
{
	struct fixture fixture;

	(void)state;
	begin(&fixture);
	assert_int_equal(take(&fixture,
			      "{\"error\": {\"code\": \"ENOENT\", "
			      "\"message\": \"no such\\nthing\"}}\n"),
			 0);
	assert_true(fixture.talk.has_error);
	assert_int_equal(fixture.talk.error.code, -ENOENT);
	assert_string_equal(fixture.talk.error.text, "no such thing");
	assert_int_equal(take(&fixture, "{\"progress\": {}}\n"), -EPROTO);
	assert_int_equal(fixture.progress_count, 0);
	conversation_done(&fixture.talk);
}

static void what_is_no_line_of_ours_is_refused(void **state)
{
	static const char *const texts[] = {
		"\n", "{}\n", "[]\n", "{\"result\": []}\n", "{\"error\": {}}\n", "what\n",
	};
	struct fixture fixture;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		begin(&fixture);
		assert_int_equal(take(&fixture, texts[i]), -EPROTO);
		assert_null(fixture.talk.result);
		conversation_done(&fixture.talk);
	}
	begin(&fixture);
	assert_int_equal(conversation_take(&fixture.talk, "{\"result\": {}}\n\0", 16),
			 -EPROTO);
	conversation_done(&fixture.talk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_may_come_in_pieces),
		cmocka_unit_test(half_a_line_says_nothing),
		cmocka_unit_test(nothing_may_follow_the_end),
		cmocka_unit_test(what_is_no_line_of_ours_is_refused),
	};

	return cmocka_run_group_tests_name("worker_conversation", tests, NULL, NULL);
}
