/* SPDX-License-Identifier: MIT */
#ifndef SOURCE_SOURCE_H
#define SOURCE_SOURCE_H

struct error;
struct run;

/*
 * SOURCE: has bootagent-source bring the wanted revision into the mirror: what --ref
 * names, which is pinned then, else the pinned one, else the branch's head. Sets
 * run->source. With run->mirror_damage the mirror is made anew first. Errors are the
 * worker's: -ENOENT nothing of that name, -ETIMEDOUT, a network error, …; -EUCLEAN: the
 * mirror is damaged.
 */
int source_stage(struct run *run, struct error *err) __attribute__((warn_unused_result));
void source_stage_done(struct run *run);

#endif
