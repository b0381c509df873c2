/* SPDX-License-Identifier: MIT */
#ifndef STATE_VERDICTS_H
#define STATE_VERDICTS_H

#include <stdbool.h>
#include <stdint.h>

struct error;

enum verdict_state {
	VERDICT_NONE,
	VERDICT_DECIDED,
	VERDICT_DELIVERED,
	VERDICT_EXPIRED, /* the hook was no longer open: nothing to complete */
};

/*
 * The last verdict of this machine: /var/lib/bootagent/verdict.json. Its key is instance,
 * transition, boot and sequence; a verdict of another boot is void.
 */
struct stored_verdict {
	char *instance_id;
	char *boot_id;
	char *transition; /* the target state that the transition leads to */
	int64_t sequence; /* transitions begun in this boot, from 1 */
	char *group;
	char *hook;
	char *result; /* "CONTINUE" or "ABANDON" */
	enum verdict_state state;
	int64_t decided_at_ms, delivered_at_ms; /* wall clock; 0: not yet */
};

/* No file is VERDICT_NONE; a damaged one too, for a verdict decided anew is the same. */
int verdict_load(int state_fd, struct stored_verdict *ret_verdict, struct error *err)
	__attribute__((warn_unused_result));

/* Writes it; a decided one is durable when the call returns. */
int verdict_save(int state_fd, const struct stored_verdict *verdict, struct error *err)
	__attribute__((warn_unused_result));

void verdict_done(struct stored_verdict *verdict);

/* Whether it was decided for this instance's transition in this boot. */
bool verdict_is_for(const struct stored_verdict *verdict, const char *instance_id,
		    const char *boot_id, const char *transition);

/* "decided" and kin; borrowed for ever. */
const char *verdict_state_word(enum verdict_state state);

#endif
