/* SPDX-License-Identifier: MIT */
#include "lifecycle/verdict.h"

#include "aws/aws.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "lifecycle/autoscaling.h"
#include "lifecycle/hook.h"
#include "lifecycle/lifecycle_types.h"
#include "metadata/metadata.h"
#include "net/retry.h"
#include "run/run.h"
#include "run/status.h"
#include "state/verdicts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * CONTINUE or ABANDON, decided once. "Could not be delivered" is not "failed": a healthy
 * host is never abandoned because a call did not go through (facts L3, L4). An answer
 * that no action is open means that somebody completed it or that it expired: told, not
 * failed (L2). While the instance waits in its hook all the same it came too early (L1),
 * or the hook has another name: it is tried again for a minute, and left to the next boot
 * then.
 */

#define VERDICT_FIRST_RETRY_MS 500
/* Time to deliver even when the run's own is over. */
#define VERDICT_MINIMUM_MS INT64_C(60000)
/* How long a hook that is said not to be open is believed to become so (L1). */
#define NOT_OPEN_YET_MS 60000

static struct deadline delivery_deadline(const struct run *run)
{
	struct deadline minimum = deadline_in(VERDICT_MINIMUM_MS);

	return run->deadline.at_ms > minimum.at_ms ? run->deadline : minimum;
}

static int save(struct run *run, const struct stored_verdict *verdict, struct error *err)
{
	int result = verdict_save(run->places.state_fd, verdict, err);

	if (result < 0)
		return result;
	status_set_verdict(run, verdict);
	return status_publish(run, err);
}

/* A verdict on its way. */
struct delivery {
	struct run *run;
	struct stored_verdict *verdict;
	struct deadline deadline;
	struct deadline
		patience; /* with a hook that is not open; set by the first such */
};

static int call_once(const struct delivery *delivery, struct retry_hint *ret_hint,
		     struct error *err)
{
	const struct stored_verdict *verdict = delivery->verdict;
	const struct aws_parameter parameters[] = {
		{ "AutoScalingGroupName", verdict->group },
		{ "LifecycleHookName", verdict->hook },
		{ "InstanceId", verdict->instance_id },
		{ "LifecycleActionResult", verdict->result },
		{ NULL, NULL },
	};
	const struct aws_request request = {
		.service = &autoscaling_service,
		.action = "CompleteLifecycleAction",
		.parameters = parameters,
	};
	struct aws_call *call = NULL;
	const struct xml *xml;
	int result =
		aws_start(delivery->run->aws, &request, delivery->deadline, &call, err);

	if (result < 0)
		return result;
	result = aws_call_wait(call, err);
	if (result == 0)
		result = aws_call_result(call, &xml, err);
	ret_hint->retry_after_ms = aws_call_retry_after_ms(call);
	aws_call_free(call);
	return result;
}

static bool is_no_longer_open(int code, const struct error *err)
{
	return code == -EINVAL && strstr(err->text, "No active Lifecycle Action found");
}

/*
 * What else there may be to wait for: 0 if the state says that it is over. Nobody who
 * could not be asked says so.
 */
static int judge_not_open(struct delivery *delivery, struct retry_hint *ret_hint,
			  struct error *err)
{
	const struct stored_verdict *verdict = delivery->verdict;
	const struct hook *hook = delivery->run->hook;
	int result = hook_look_up(delivery->run, delivery->deadline, ret_hint, err);

	if (result == -ECANCELED)
		return result;
	if (result == 0 && !hook_is_open(hook->state) && !hook_is_ahead(hook->state))
		return 0;
	if (delivery->patience.at_ms == 0)
		delivery->patience = deadline_in(NOT_OPEN_YET_MS);
	ret_hint->is_last = deadline_is_over(delivery->patience);
	return error_set(err, EAGAIN,
			 "hook '%s' of group '%s' has no action open though the instance "
			 "is %s: is '%s' the hook's name?",
			 verdict->hook, verdict->group,
			 hook->state ? hook->state : "launching", verdict->hook);
}

static int try_delivery(void *userdata, struct retry_hint *ret_hint, struct error *err)
{
	struct delivery *delivery = userdata;
	int result = call_once(delivery, ret_hint, err);

	if (result == 0) {
		delivery->verdict->state = VERDICT_DELIVERED;
		delivery->verdict->delivered_at_ms = clock_realtime_ms();
		return 0;
	}
	if (!is_no_longer_open(result, err))
		return result;
	result = judge_not_open(delivery, ret_hint, err);
	if (result == 0)
		delivery->verdict->state = VERDICT_EXPIRED;
	return result;
}

static int deliver(struct run *run, struct stored_verdict *verdict, struct error *err)
{
	struct delivery delivery = { .run = run,
				     .verdict = verdict,
				     .deadline = delivery_deadline(run) };
	const struct retry_plan plan = {
		.loop = &run->loop,
		.what = "the verdict's delivery",
		.rules = autoscaling_rules,
		.first_ms = VERDICT_FIRST_RETRY_MS,
		.deadline = delivery.deadline,
		.listener = run_listener(run),
		.userdata = &delivery,
	};
	int result = retry_run(&plan, try_delivery, err);

	if (result < 0)
		return error_wrap(err, "deliver %s", verdict->result);
	run_detail(run, "%s %s hook '%s' of group '%s'", verdict->result,
		   verdict->state == VERDICT_DELIVERED ? "to" : "too late, not open:",
		   verdict->hook, verdict->group);
	return save(run, verdict, err);
}

static int decide(struct run *run, struct stored_verdict *verdict, struct error *err)
{
	bool is_same_boot = text_is_equal(verdict->boot_id, run->boot_id) &&
		text_is_equal(verdict->instance_id, run->metadata->instance_id);
	int64_t sequence = is_same_boot ? verdict->sequence + 1 : 1;

	verdict_done(verdict);
	*verdict = (struct stored_verdict){
		.instance_id = text_copy(run->metadata->instance_id),
		.boot_id = text_copy(run->boot_id),
		.transition = text_copy(run->hook->target.state),
		.sequence = sequence,
		.group = text_copy(run->hook->group),
		.hook = text_copy(run->hook_name),
		.result = text_copy(outcome_verdict_word(run->outcome->verdict)),
		.state = VERDICT_DECIDED,
		.decided_at_ms = clock_realtime_ms(),
	};
	return save(run, verdict, err);
}

static int decide_and_deliver(struct run *run, struct stored_verdict *verdict,
			      struct error *err)
{
	int result = hook_await(run, delivery_deadline(run), err);

	if (result < 0)
		return result;
	if (!hook_is_open(run->hook->state)) {
		status_set_lifecycle(run, "none");
		run_detail(run, "nothing to complete: the instance is %s",
			   run->hook->state);
		return 0;
	}
	/* Once decided it is never changed: a shutdown that is under way comes first. */
	if (loop_is_interrupted(&run->loop))
		return error_set(err, ECANCELED, "interrupted before the verdict");
	result = decide(run, verdict, err);
	return result < 0 ? result : deliver(run, verdict, err);
}

static bool is_ours(const struct run *run, const struct stored_verdict *verdict)
{
	return verdict_is_for(verdict, run->metadata->instance_id, run->boot_id,
			      run->hook->target.state);
}

/* A name that was corrected in the configuration since changes no verdict. */
static void use_hook_name(const struct run *run, struct stored_verdict *verdict)
{
	free(verdict->hook);
	verdict->hook = text_copy(run->hook_name);
}

int verdict_stage(struct run *run, struct error *err)
{
	struct stored_verdict verdict;
	bool is_wanted = false;
	int result;

	if (!outcome_verdict_word(run->outcome->verdict)) {
		run_detail(run, "no hook to complete");
		return 0;
	}
	result = hook_await_target(run, &is_wanted, err);
	if (result < 0 || !is_wanted)
		return result;
	result = verdict_load(run->places.state_fd, &verdict, err);
	if (result < 0)
		return result;
	if (!is_ours(run, &verdict)) {
		result = decide_and_deliver(run, &verdict, err);
	} else if (verdict.state == VERDICT_DECIDED) {
		/*
		 * The look-up is not needed, and may still hold the role's credentials.
		 */
		aws_call_free(TAKE(run->hook->call));
		use_hook_name(run, &verdict);
		result = deliver(run, &verdict, err);
	} else {
		status_set_verdict(run, &verdict);
		run_detail(run, "%s was %s before", verdict.result,
			   verdict_state_word(verdict.state));
	}
	verdict_done(&verdict);
	return result;
}
