/* SPDX-License-Identifier: MIT */
#ifndef STEPS_REQUIREMENTS_H
#define STEPS_REQUIREMENTS_H

#include <stdbool.h>

struct error;
struct run;

/* Whether bundler is about to be run for a fresh release. */
bool requirements_are_needed(const struct run *run);

/*
 * REQUIREMENTS: whether this machine has the Ruby that the commit wants. -ENOTSUP: it has
 * another one, or none that starts; no fault of the commit. What cannot be told is left
 * to bundler.
 */
int requirements_stage(struct run *run, struct error *err)
	__attribute__((warn_unused_result));

#endif
