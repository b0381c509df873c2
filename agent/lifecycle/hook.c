/* SPDX-License-Identifier: MIT */
#include "lifecycle/hook.h"

#include "aws/aws.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "lifecycle/autoscaling.h"
#include "lifecycle/lifecycle_types.h"
#include "metadata/metadata.h"
#include "net/retry.h"
#include "run/run.h"
#include "run/status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Where the instance stands in its group. IMDS gives only the state it is going to; the
 * one it is in, and the group's name, come from DescribeAutoScalingInstances. The
 * question is put early and answered while the release is being made.
 */

#define ANSWERS_MAX 5
#define LOOK_UP_FIRST_RETRY_MS 2000

static int start_look_up(struct run *run, struct deadline deadline, struct error *err)
{
	const struct aws_parameter parameters[] = {
		{ "InstanceIds.member.1", run->metadata->instance_id },
		{ NULL, NULL },
	};
	const struct aws_request request = { &autoscaling_service,
					     "DescribeAutoScalingInstances", parameters };

	return aws_start(run->aws, &request, deadline, &run->hook->call, err);
}

/* Facts L6, L10: a launch leads into service or into the warm pool. */
static bool is_launching(const char *target_state)
{
	return strcmp(target_state, "InService") == 0 ||
		strncmp(target_state, "Warmed:", 7) == 0;
}

int hook_stage(struct run *run, struct error *err)
{
	struct hook *hook = memory_new(1, sizeof(*hook));

	run->hook = hook;
	if (!run->metadata->target_state) {
		run_detail(run, "in no Auto Scaling group");
		return 0;
	}
	if (!is_launching(run->metadata->target_state)) {
		run_detail(run, "not launching: on the way to %s",
			   run->metadata->target_state);
		return 0;
	}
	if (!run->hook_name) {
		run_detail(run,
			   "no lifecycle.hook is configured: none will be completed");
		return 0;
	}
	hook->is_wanted = true;
	status_set_lifecycle(run, "open");
	run_detail(run, "%s, on the way to %s", run->hook_name,
		   run->metadata->target_state);
	return start_look_up(run, run->deadline, err);
}

void hook_stage_done(struct run *run)
{
	if (!run->hook)
		return;
	aws_call_free(run->hook->call);
	free(run->hook->group);
	free(run->hook->state);
	free(run->hook);
	run->hook = NULL;
}

static int keep_answer(struct hook *hook, const struct xml *xml, struct error *err)
{
	const char *group =
		xml_find(xml, "AutoScalingInstances/member/AutoScalingGroupName");
	const char *state = xml_find(xml, "AutoScalingInstances/member/LifecycleState");

	if (!group || !state)
		return error_set(err, ENOENT, "Auto Scaling does not know this instance");
	free(hook->group);
	free(hook->state);
	hook->group = text_copy(group);
	hook->state = text_copy(state);
	return 0;
}

static int take_answer(struct run *run, struct deadline deadline, struct error *err)
{
	struct hook *hook = run->hook;
	const struct xml *xml = NULL;
	int result;

	if (!hook->call) {
		result = start_look_up(run, deadline, err);
		if (result < 0)
			return result;
	}
	result = aws_call_wait(hook->call, err);
	if (result == 0)
		result = aws_call_result(hook->call, &xml, err);
	if (result == 0)
		result = keep_answer(hook, xml, err);
	aws_call_free(TAKE(hook->call));
	return result < 0 ? error_wrap(err, "find the instance's lifecycle state") : 0;
}

static bool is_on_its_way(const char *state)
{
	return strcmp(state, "Pending") == 0 || strcmp(state, "Warmed:Pending") == 0;
}

/* One answer: a state, or that there is none. What is transient is no answer. */
static int hear(struct run *run, struct deadline deadline, struct error *err)
{
	int result = take_answer(run, deadline, err);

	if (result == 0 || result == -ENOENT)
		run->hook->answer_count++;
	if (result == 0 && is_on_its_way(run->hook->state))
		return error_set(err, EAGAIN,
				 "the instance is still %s: it has not reached its hook",
				 run->hook->state);
	return result;
}

int hook_await(struct run *run, struct deadline deadline, struct error *err)
{
	struct retry retry = retry_begin(LOOK_UP_FIRST_RETRY_MS, deadline);

	for (;;) {
		/* HOOK asked long ago: what it heard then is not worth a pause now. */
		bool is_old = run->hook->call && run->hook->answer_count == 0;
		int result = hear(run, deadline, err);

		if (result == 0)
			return 0;
		if (result != -ENOENT && !aws_error_is_transient(result))
			return result;
		if (run->hook->answer_count >= ANSWERS_MAX)
			return result;
		if (is_old && result == -EAGAIN)
			continue;
		result = retry_pause(&run->loop, &retry, 0, err);
		if (result < 0)
			return result;
	}
}
