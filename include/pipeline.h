/* SPDX-License-Identifier: MIT */
#ifndef PIPELINE_H
#define PIPELINE_H

struct options;

/*
 * Runs a verb ("boot", "sync" or "rollback") from its first stage to its last; returns
 * the exit status.
 */
int pipeline_run(const struct options *options, const char *verb);

#endif
