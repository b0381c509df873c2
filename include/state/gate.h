/* SPDX-License-Identifier: MIT */
#ifndef STATE_GATE_H
#define STATE_GATE_H

struct error;

/*
 * The gate before the application's units: /run/bootagent/synced, with boot id and
 * revision (facts S6). They start only while it is open (ConditionPathExists=).
 */

/* Opens the gate for a revision. */
int gate_open(int run_fd, const char *boot_id, const char *revision, struct error *err)
	__attribute__((warn_unused_result));

/*
 * The revision it is open for in this boot; NULL: it is closed, or damaged. The caller
 * frees it.
 */
char *gate_revision(int run_fd, const char *boot_id) __attribute__((warn_unused_result));

/* Closes it; harmless if it is closed. */
int gate_close(int run_fd, struct error *err) __attribute__((warn_unused_result));

/*
 * Closes a gate that another boot left open (an image of a running machine), and one that
 * is damaged.
 */
int gate_close_if_stale(int run_fd, const char *boot_id, struct error *err)
	__attribute__((warn_unused_result));

#endif
