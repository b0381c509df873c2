/* SPDX-License-Identifier: MIT */
#ifndef LOOP_DESCENT_H
#define LOOP_DESCENT_H

#include <sys/types.h>

/*
 * Sends a signal to every process below `root`, not to itself. They are stopped first,
 * until a look finds none that runs: so none is missed because it forked just then. Looks
 * at every process of the machine a few times; does not wait.
 */
void descent_signal(pid_t root, int number);

#endif
