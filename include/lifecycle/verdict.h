/* SPDX-License-Identifier: MIT */
#ifndef LIFECYCLE_VERDICT_H
#define LIFECYCLE_VERDICT_H

struct error;
struct run;

/*
 * VERDICT: completes the launching hook with what run->outcome says. The verdict is
 * stored before it is delivered, delivered at least once, and never changed once stored.
 * Nothing to do unless the instance waits in its hook. Fails if it could not be delivered
 * in time; it stays stored then.
 */
int verdict_stage(struct run *run, struct error *err) __attribute__((warn_unused_result));

#endif
