/* SPDX-License-Identifier: MIT */
#ifndef RUN_PIN_H
#define RUN_PIN_H

struct error;
struct run;

/*
 * Reads this machine's pin into run->pin and the status; METADATA must be done. A damaged
 * one is -EBADMSG, unless the command line is about to replace it or take it back.
 */
int run_load_pin(struct run *run, struct error *err) __attribute__((warn_unused_result));

/*
 * Pins the machine to a revision, in the name of the person who called us. ref: what that
 * person asked for, NULL for a release. Durable when the call returns.
 */
int run_set_pin(struct run *run, const char *revision, const char *ref, struct error *err)
	__attribute__((warn_unused_result));

/* Takes the pin back, if there is one. */
int run_remove_pin(struct run *run, struct error *err)
	__attribute__((warn_unused_result));

#endif
