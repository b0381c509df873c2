/* SPDX-License-Identifier: MIT */
#include "release/tree.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "run/run.h"
#include "setup/setup_types.h"
#include "worker/worker.h"

#include <errno.h>

/*
 * Root never touches the application's tree by path: each operation is a short-lived
 * worker with the application's rights, which can harm nothing that its user could not.
 */

/* A flip syncs the whole file system first, without a word: no limit on silence. */
#define TREE_TOTAL_MS INT64_C(600000)

int tree_perform(struct run *run, const char *verb, struct json_object *request,
		 struct json_object **ret_reply, struct error *err)
{
	autojson struct json_object *owned = request;
	autojson struct json_object *reply = NULL;
	const struct worker_task task = {
		.helper = "bootagent-tree",
		.identity = &run->setup->application,
		.request = owned,
		.idle_timeout_ms = TREE_TOTAL_MS,
		.deadline = deadline_in(TREE_TOTAL_MS),
	};
	int result;

	json_set_string(owned, "verb", verb);
	json_set_string(owned, "deploy_to", run->setup->deploy_to);
	result = run_worker(run, &task, &reply, err);
	/* Of a file system; who hears it of RELEASE takes it for the mirror's. */
	if (result == -EUCLEAN)
		result = err->code = -EIO;
	if (result == 0 && ret_reply)
		*ret_reply = TAKE(reply);
	return result;
}

int tree_remove_release(struct run *run, const char *name, struct error *err)
{
	struct json_object *request = json_new_object(), *names = json_new_array();

	json_add_string(names, name);
	json_set(request, "releases", names);
	/* Without limits: only what a step was making for it when it was killed. */
	json_set(request, "outputs", json_new_object());
	return tree_perform(run, "remove", request, NULL, err);
}
