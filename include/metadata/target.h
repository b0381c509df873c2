/* SPDX-License-Identifier: MIT */
#ifndef METADATA_TARGET_H
#define METADATA_TARGET_H

#include "base/clock.h"
#include "base/error.h"
#include "net/retry.h"

#include <stdbool.h>

struct imds;
struct imds_query;

/*
 * Where Auto Scaling means to bring the instance (autoscaling/target-lifecycle-state). A
 * zeroed one was never asked.
 */
struct target {
	struct imds *imds;
	struct imds_query *query;
	struct retry retry;
	struct deadline deadline,
		grace; /* until grace is over a 404 may mean "not yet" */
	bool is_decided;
	char *state;        /* "InService", "Warmed:Stopped"; NULL: in no group */
	struct error error; /* code 0, or why it is not known */
	void (*on_decided)(void *userdata);
	void *userdata;
};

/*
 * The state in an answer's text, "Warmed:Running"; the caller frees it. -EPROTO: it is
 * none.
 */
int target_parse(const char *text, char **ret_state, struct error *err)
	__attribute__((warn_unused_result));

/*
 * How long from now a 404 may mean "not yet": 15 s from the launch or from the kernel's
 * start, whichever is later, since a clock that is ahead makes any launch an old one. Not
 * above zero: no longer.
 */
int64_t target_grace_ms(int64_t since_launch_ms, int64_t since_kernel_ms);

/*
 * Begins to ask on the loop and returns at once; on_decided is called from the loop when
 * the state, or that there is none, is known. A 404 is believed once the grace from
 * pending_time (RFC 3339, NULL: unknown) and the kernel's start is over, everything
 * transient is tried again until the deadline (facts I4). End it with target_done().
 */
int target_start(struct target *target, const char *pending_time,
		 struct deadline deadline, struct error *err)
	__attribute__((warn_unused_result));

void target_done(struct target *target);

/* Waits until it is decided. 0: target->state is what it is. */
int target_wait(struct target *target, struct error *err)
	__attribute__((warn_unused_result));

#endif
