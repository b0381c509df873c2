/* SPDX-License-Identifier: MIT */
#include "metadata/target.h"

#include "base/memory.h"
#include "base/text.h"
#include "loop/loop.h"
#include "metadata/imds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * The target lifecycle state appears in the metadata some seconds after the launch, and
 * never on an instance without a group: for a while both look the same. So it is asked
 * again on the loop while the release is being made, and only the verdict waits for it.
 */

#define TARGET_PATH "meta-data/autoscaling/target-lifecycle-state"
#define TARGET_GRACE_MS INT64_C(15000)
#define TARGET_FIRST_RETRY_MS 500
#define TARGET_RETRY_CAP_MS 2000

int64_t target_grace_ms(int64_t since_launch_ms, int64_t since_kernel_ms)
{
	int64_t since_ms =
		since_launch_ms < since_kernel_ms ? since_launch_ms : since_kernel_ms;

	return TARGET_GRACE_MS - (since_ms > 0 ? since_ms : 0);
}

static struct deadline grace_of(const char *pending_time)
{
	int64_t pending_ms = clock_parse_utc(pending_time);
	int64_t since_launch_ms = pending_ms > 0 ? clock_realtime_ms() - pending_ms : 0;

	return deadline_in(target_grace_ms(since_launch_ms, clock_boottime_ms()));
}

static void decide(struct target *target)
{
	target->is_decided = true;
	if (target->on_decided)
		target->on_decided(target->userdata);
}

int target_parse(const char *text, char **ret_state, struct error *err)
{
	autofree char *state = text_copy(text);

	text_trim_end(state);
	/* The one value with a colon: "Warmed:Running". */
	for (const char *c = state; *c; c++)
		if (!text_is_name((char[]){ *c, '\0' }) && !strchr(".-_:", *c))
			return error_set(err, EPROTO,
					 "'" TARGET_PATH "' has an unusable value");
	if (!*state || strlen(state) > NAME_MAX_BYTES)
		return error_set(err, EPROTO, "'" TARGET_PATH "' has an unusable value");
	*ret_state = TAKE(state);
	return 0;
}

static void on_query_done(struct imds_query *query, void *userdata)
{
	struct target *target = userdata;
	struct error *err = &target->error;
	struct retry_hint hint = { 0 };
	const char *text = NULL;
	int result = imds_query_result(query, &text, err);

	hint.retry_after_ms = imds_query_retry_after_ms(query);
	if (result == 0)
		result = target_parse(text, &target->state, err);
	imds_query_free(TAKE(target->query));
	if (result == -ENOENT && deadline_is_over(target->grace))
		result = 0;
	else if (result == -ENOENT)
		result = err->code = -EAGAIN;
	if (result == 0) {
		*err = (struct error){ 0 };
		retry_succeeded(&target->retry);
		decide(target);
		return;
	}
	if (retry_later(&target->retry, &hint, err) < 0)
		decide(target);
}

static int ask(struct target *target, struct error *err)
{
	const struct imds_request request = { .path = TARGET_PATH,
					      .deadline = target->deadline };
	int result = imds_start(target->imds, &request, &target->query, err);

	if (result == 0)
		imds_query_on_done(target->query, on_query_done, target);
	return result;
}

static void ask_again(void *userdata)
{
	struct target *target = userdata;

	if (ask(target, &target->error) < 0)
		decide(target);
}

int target_start(struct target *target, const char *pending_time,
		 struct deadline deadline, struct error *err)
{
	const struct retry_plan plan = {
		.loop = target->imds->loop,
		.what = "the instance's Auto Scaling group",
		.rules = imds_rules,
		.first_ms = TARGET_FIRST_RETRY_MS,
		.cap_ms = TARGET_RETRY_CAP_MS,
		.deadline = deadline,
		.listener = target->imds->listener,
		.userdata = target,
		.again = ask_again,
	};

	target->deadline = deadline;
	target->grace = grace_of(pending_time);
	retry_init(&target->retry, &plan);
	return ask(target, err);
}

void target_done(struct target *target)
{
	retry_done(&target->retry);
	imds_query_free(target->query);
	free(target->state);
	*target = (struct target){ 0 };
}

static bool is_decided(const void *target)
{
	return ((const struct target *)target)->is_decided;
}

int target_wait(struct target *target, struct error *err)
{
	/* Its own deadline comes first and knows the reason. */
	const struct deadline net = { target->deadline.at_ms + 1000 };
	int result = loop_wait(target->imds->loop, is_decided, target, net, err);

	if (result < 0)
		return result;
	if (target->error.code)
		*err = target->error;
	return target->error.code;
}
