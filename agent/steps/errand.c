/* SPDX-License-Identifier: MIT */
#include "steps/errand.h"

#include "base/json.h"
#include "run/run.h"
#include "setup/setup_types.h"
#include "worker/worker.h"

/*
 * What a step needs to know of the application's places is looked up by a worker with the
 * application's rights. It may hash or sync for long without a word, or hang on a mount
 * that does not answer: its whole time is the limit, and no silence.
 */

int errand_run(struct run *run, const char *verb, struct json_object *request,
	       struct deadline deadline, struct json_object **ret_reply,
	       struct error *err)
{
	int64_t left_ms = deadline_left_ms(deadline);
	const struct worker_task task = {
		.helper = "bootagent-tree",
		.identity = &run->setup->application,
		.request = request,
		.idle_timeout_ms = left_ms > 0 ? left_ms : 1,
		.deadline = deadline,
	};

	json_set_string(request, "verb", verb);
	json_set_string(request, "deploy_to", run->setup->deploy_to);
	return run_worker(run, &task, ret_reply, err);
}
