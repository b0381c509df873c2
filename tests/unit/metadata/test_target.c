/* SPDX-License-Identifier: MIT */
#include "metadata/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "metadata/imds.h"
#include "net/fixture.h"

#include <errno.h>
#include <string.h>

/* Where the group means to bring the instance: when a 404 is believed, and when not. */

#define TOKEN                                                 \
	{                                                     \
		.request = "PUT ", .status = 200, .body = "t" \
	}
#define PATH "GET /latest/meta-data/autoscaling/target-lifecycle-state "

struct asked {
	struct imds imds;
	struct target target;
	int decided_count;
	int64_t took_ms;
};

static void on_decided(void *userdata)
{
	((struct asked *)userdata)->decided_count++;
}

static int ask(struct net_fixture *net, const struct canned_reply *replies,
	       int64_t age_ms, struct asked *ret_asked, struct error *err)
{
	int64_t begun_ms = clock_monotonic_ms();
	char pending_time[CLOCK_TEXT_BYTES];
	int result;

	*ret_asked = (struct asked){ .target = { .on_decided = on_decided } };
	clock_format_utc((clock_realtime_ms() - age_ms) / 1000 * 1000, pending_time);
	memcpy(strchr(pending_time, '.'), "Z", 2);
	assert_int_equal(canned_start(&net->canned, replies), 0);
	assert_int_equal(setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", net->canned.url, 1),
			 0);
	assert_int_equal(imds_init(&ret_asked->imds, &net->loop, net->http, err), 0);
	ret_asked->target.imds = &ret_asked->imds;
	ret_asked->target.userdata = ret_asked;
	assert_int_equal(target_start(&ret_asked->target, pending_time, deadline_in(4000),
				      err),
			 0);
	result = target_wait(&ret_asked->target, err);
	ret_asked->took_ms = clock_monotonic_ms() - begun_ms;
	assert_int_equal(ret_asked->decided_count, 1);
	return result;
}

static void done(struct asked *asked)
{
	target_done(&asked->target);
	target_done(&asked->target);
	imds_done(&asked->imds);
}

static void state_is_told(void **state)
{
	static const struct canned_reply replies[] = {
		TOKEN,
		{ .request = PATH, .status = 200, .body = "Warmed:Running\n" },
		{ 0 },
	};
	struct error err = { 0 };
	struct asked asked;

	assert_int_equal(ask(*state, replies, 0, &asked, &err), 0);
	assert_string_equal(asked.target.state, "Warmed:Running");
	done(&asked);
}

static void state_has_a_maximum(void **state)
{
	static const char longest[] =
		"Warmed:Pending:ProceedWarmed:Pending:ProceedWarmed:Pending:Proceed";
	autofree char *told = NULL;
	struct error err = { 0 };

	(void)state;
	assert_int_equal(target_parse(longest + 2, &told, &err), 0);
	assert_string_equal(told, longest + 2);
	free(TAKE(told));
	assert_int_equal(target_parse(longest + 1, &told, &err), -EPROTO);
	assert_string_equal(err.text,
			    "'meta-data/autoscaling/target-lifecycle-state' "
			    "has an unusable value");
	assert_null(told);
}

static void young_404_is_asked_again(void **state)
{
	static const struct canned_reply replies[] = {
		TOKEN,
		{ .request = PATH, .times = 2, .status = 404 },
		{ .request = PATH, .status = 200, .body = "InService" },
		{ 0 },
	};
	struct error err = { 0 };
	struct asked asked;

	assert_int_equal(ask(*state, replies, 2000, &asked, &err), 0);
	assert_string_equal(asked.target.state, "InService");
	assert_in_range(asked.took_ms, 700, 2500);
	done(&asked);
}

static void old_404_is_believed(void **state)
{
	static const struct canned_reply replies[] = {
		TOKEN,
		{ .request = PATH, .status = 404 },
		{ 0 },
	};
	struct net_fixture *net = *state;
	struct error err = { 0 };
	struct asked asked;

	assert_int_equal(ask(net, replies, 60000, &asked, &err), 0);
	assert_null(asked.target.state);
	assert_int_equal(canned_count(&net->canned, PATH), 1);
	done(&asked);
	canned_stop(&net->canned);
	/* the last two seconds of the fifteen */
	assert_int_equal(ask(net, replies, 13000, &asked, &err), 0);
	assert_null(asked.target.state);
	assert_in_range(asked.took_ms, 900, 4000);
	done(&asked);
}

static void grace_is_counted_from_the_later_beginning(void **state)
{
	(void)state;
	assert_int_equal(target_grace_ms(3000, 1000000), 12000);
	assert_int_equal(target_grace_ms(1000000, 3000), 12000);
	/* a clock that is behind, or no time of the launch */
	assert_int_equal(target_grace_ms(-3600000, 1000000), 15000);
	assert_int_equal(target_grace_ms(0, 1000000), 15000);
	assert_true(target_grace_ms(15000, 15000) <= 0);
}

static void other_failures_are_no_answer(void **state)
{
	static const struct canned_reply replies[] = {
		TOKEN,
		{ .request = PATH, .times = 1, .status = 500 },
		{ .request = PATH, .times = 1, .status = 200, .body = " " },
		{ .request = PATH, .times = 1, .status = 200, .body = "../etc" },
		{ .request = PATH, .status = 200, .body = "InService" },
		{ 0 },
	};
	static const struct canned_reply never[] = {
		TOKEN,
		{ .request = PATH, .status = 500 },
		{ 0 },
	};
	struct net_fixture *net = *state;
	struct error err = { 0 };
	struct asked asked;

	assert_int_equal(ask(net, replies, 60000, &asked, &err), 0);
	assert_string_equal(asked.target.state, "InService");
	done(&asked);
	canned_stop(&net->canned);
	assert_int_equal(ask(net, never, 60000, &asked, &err), -ETIME);
	assert_string_equal(err.text,
			    "the metadata service answered 500 for "
			    "'meta-data/autoscaling/target-lifecycle-state'");
	done(&asked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(state_is_told),
		cmocka_unit_test(state_has_a_maximum),
		net_test(young_404_is_asked_again),
		net_test(old_404_is_believed),
		cmocka_unit_test(grace_is_counted_from_the_later_beginning),
		net_test(other_failures_are_no_answer),
	};

	return cmocka_run_group_tests_name("metadata_target", tests, NULL, NULL);
}
