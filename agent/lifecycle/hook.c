/* SPDX-License-Identifier: MIT */
#include "lifecycle/hook.h"

#include "aws/aws.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "lifecycle/autoscaling.h"
#include "lifecycle/lifecycle_types.h"
#include "metadata/imds.h"
#include "metadata/metadata.h"
#include "net/retry.h"
#include "run/run.h"
#include "run/status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Where the instance stands in its group. IMDS gives only the state it is going to, and
 * that not at once; the one it is in, and the group's name, come from
 * DescribeAutoScalingInstances. Both questions are put early and answered on the loop
 * while the release is being made.
 */

#define ANSWERS_MAX 5
#define LOOK_UP_FIRST_RETRY_MS 2000

static int start_look_up(struct run *run, struct deadline deadline, struct error *err)
{
	const struct aws_parameter parameters[] = {
		{ "InstanceIds.member.1", run->metadata->instance_id },
		{ NULL, NULL },
	};
	const struct aws_request request = {
		.service = &autoscaling_service,
		.action = "DescribeAutoScalingInstances",
		.parameters = parameters,
	};

	return aws_start(run->aws, &request, deadline, &run->hook->call, err);
}

/* Facts L6, L10: a launch leads into service or into the warm pool. */
static bool is_launching(const char *target_state)
{
	return strcmp(target_state, "InService") == 0 ||
		strncmp(target_state, "Warmed:", 7) == 0;
}

/* On the loop, as soon as the target state is known. */
static void on_target(void *userdata)
{
	struct run *run = userdata;
	struct hook *hook = run->hook;
	struct error err;

	if (!hook->target.state || !is_launching(hook->target.state))
		return;
	hook->is_wanted = true;
	status_set_lifecycle(run, "open");
	/* One that cannot even start is started again by VERDICT, which tells why. */
	if (start_look_up(run, run->deadline, &err) < 0)
		hook->call = NULL;
}

int hook_stage(struct run *run, struct error *err)
{
	struct hook *hook = memory_new(1, sizeof(*hook));

	run->hook = hook;
	if (!run->hook_name) {
		run_detail(run,
			   "no lifecycle.hook is configured: none will be completed");
		return 0;
	}
	if (run->imds->is_disabled) {
		run_detail(run, "AWS_EC2_METADATA_DISABLED is true: no hook here");
		return 0;
	}
	hook->is_configured = true;
	hook->target.imds = run->imds;
	hook->target.on_decided = on_target;
	hook->target.userdata = run;
	run_detail(run, "%s, looked up on the way", run->hook_name);
	return target_start(&hook->target, run->metadata->pending_time,
			    run->final_deadline, err);
}

int hook_await_target(struct run *run, bool *ret_is_wanted, struct error *err)
{
	struct hook *hook = run->hook;
	int result;

	*ret_is_wanted = false;
	if (!hook || !hook->is_configured) {
		run_detail(run, "no hook to complete");
		return 0;
	}
	result = target_wait(&hook->target, err);
	if (result < 0) {
		/* Perhaps there is one: the next boot must see. */
		status_set_lifecycle(run, "open");
		return error_wrap(err, "find out whether the instance is launching");
	}
	*ret_is_wanted = hook->is_wanted;
	if (!hook->target.state)
		run_detail(run, "no hook to complete: in no Auto Scaling group");
	else if (!hook->is_wanted)
		run_detail(run, "no hook to complete: on the way to %s",
			   hook->target.state);
	return 0;
}

void hook_stage_done(struct run *run)
{
	if (!run->hook)
		return;
	target_done(&run->hook->target);
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

int hook_look_up(struct run *run, struct deadline deadline, struct retry_hint *ret_hint,
		 struct error *err)
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
	ret_hint->retry_after_ms = aws_call_retry_after_ms(hook->call);
	aws_call_free(TAKE(hook->call));
	return result < 0 ? error_wrap(err, "find the instance's lifecycle state") : 0;
}

bool hook_is_open(const char *state)
{
	return strcmp(state, "Pending:Wait") == 0 ||
		strcmp(state, "Warmed:Pending:Wait") == 0;
}

bool hook_is_ahead(const char *state)
{
	return strcmp(state, "Pending") == 0 || strcmp(state, "Warmed:Pending") == 0;
}

/* Who asks, until when. */
struct asking {
	struct run *run;
	struct deadline deadline;
};

/* One answer: a state, or that there is none. What is transient is no answer. */
static int hear(void *userdata, struct retry_hint *ret_hint, struct error *err)
{
	const struct asking *asking = userdata;
	struct hook *hook = asking->run->hook;
	/* HOOK asked long ago: what it heard then is not worth a pause now. */
	bool is_old = hook->call && hook->answer_count == 0;
	int result = hook_look_up(asking->run, asking->deadline, ret_hint, err);

	if (result == 0 && hook_is_ahead(hook->state))
		result =
			error_set(err, EAGAIN,
				  "the instance is still %s: it has not reached its hook",
				  hook->state);
	else if (result != -ENOENT)
		return result;
	/* Not known there, or not there yet: so it is for a moment after the launch. */
	hook->answer_count++;
	ret_hint->is_last = hook->answer_count >= ANSWERS_MAX;
	ret_hint->is_at_once = is_old;
	if (!ret_hint->is_last)
		err->code = -EAGAIN;
	return result;
}

int hook_await(struct run *run, struct deadline deadline, struct error *err)
{
	struct asking asking = { run, deadline };
	const struct retry_plan plan = {
		.loop = &run->loop,
		.what = "the lifecycle hook",
		.rules = autoscaling_rules,
		.first_ms = LOOK_UP_FIRST_RETRY_MS,
		.deadline = deadline,
		.listener = run_listener(run),
		.userdata = &asking,
	};

	return retry_run(&plan, hear, err);
}
