/* SPDX-License-Identifier: MIT */
#ifndef SETUP_SETUP_H
#define SETUP_SETUP_H

struct error;
struct run;

/*
 * SETUP: root's part of the layout. Looks the two users up and makes, once, what only
 * root can make for them: deploy_to, the mirror's directory, their private homes. Sets
 * run->setup. -EINVAL: a user does not exist or is root; -EBADMSG: releases.json is
 * damaged; -EPERM: a place belongs to somebody else.
 */
int setup_stage(struct run *run, struct error *err) __attribute__((warn_unused_result));
void setup_stage_done(struct run *run);

#endif
