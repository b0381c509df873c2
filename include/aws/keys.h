/* SPDX-License-Identifier: MIT */
#ifndef AWS_KEYS_H
#define AWS_KEYS_H

#include "base/clock.h"

#include <stdbool.h>
#include <systemd/sd-event.h>

struct credentials;
struct error;
struct loop;

/* One fetch of credentials that several calls wait for. */
struct keys {
	struct credentials *credentials;
	struct loop *loop;
	struct keys_waiter *waiters;
	struct deadline deadline; /* of the fetch under way: its first waiter's */
	unsigned generation;      /* grows with every fetch that went well */
};

/*
 * Who waits: a member of the one who does, and at rest while zeroed. on_done is called
 * once from the loop with what credentials_start()'s would be given, or -ETIMEDOUT; it
 * may let any waiter wait or leave.
 */
struct keys_waiter {
	struct deadline deadline;
	void (*on_done)(int result, const struct error *err, void *userdata);
	void *userdata;
	struct keys *keys; /* from here on the module's own; NULL: waits for nothing */
	struct keys_waiter *next;
	sd_event_source *timer;
	bool is_answered;
};

/* Both are borrowed; at the end nobody may be waiting. */
void keys_init(struct keys *keys, struct credentials *credentials, struct loop *loop);

/*
 * Joins the fetch that is under way or starts one, and returns at once. One that its
 * first waiter's deadline ended too early for this one is begun again.
 */
int keys_await(struct keys *keys, struct keys_waiter *waiter, struct error *err)
	__attribute__((warn_unused_result));

/* Waits no longer; the fetch ends with its last waiter. Harmless for one at rest. */
void keys_leave(struct keys_waiter *waiter);

/*
 * AWS calls the keys of that generation expired: forgets them, unless there are newer
 * ones already. false: there are no others to be had.
 */
bool keys_forget(struct keys *keys, unsigned generation);

#endif
