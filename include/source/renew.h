/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_RENEW_H
#define SOURCE_RENEW_H

struct error;
struct run;

/*
 * Sets the damaged mirror aside, in the place of the one that was set aside before, makes
 * an empty one, and says so in the log. Errors: the system's; -EACCES, …: the one from
 * before cannot be removed. Whatever went wrong, a later run goes on from there.
 */
int renew_mirror(struct run *run, struct error *err) __attribute__((warn_unused_result));

/* Adds to an error of no room that the mirror set aside takes some; returns its code. */
int renew_explain_room(const struct run *run, struct error *err)
	__attribute__((warn_unused_result));

#endif
