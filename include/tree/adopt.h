/* SPDX-License-Identifier: MIT */
#ifndef TREE_ADOPT_H
#define TREE_ADOPT_H

struct error;
struct layout;

/*
 * Whether what stands in deploy_to can be gone on with: releases/ and shared/, those that
 * are there, must be our user's and on deploy_to's own mount. -EPERM, -EXDEV: one is not.
 */
int adopt_check(const struct layout *layout, struct error *err)
	__attribute__((warn_unused_result));

#endif
