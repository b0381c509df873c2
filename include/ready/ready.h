/* SPDX-License-Identifier: MIT */
#ifndef READY_READY_H
#define READY_READY_H

struct error;
struct run;

/*
 * READY: asks readiness.url until the application has proven itself: first at once; one
 * good answer suffices when nothing was restarted, else healthy_threshold in a row.
 * -ETIMEDOUT with the last answer as the reason.
 */
int ready_stage(struct run *run, struct error *err) __attribute__((warn_unused_result));

#endif
