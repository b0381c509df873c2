/* SPDX-License-Identifier: MIT */
#ifndef LOOP_SESSION_H
#define LOOP_SESSION_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Kills every process of a session, whatever process group it moved to, until none is
 * left or a few rounds have passed (a fork may be under way). The session's number must
 * be held by its leader, be it a zombie, so that it cannot become another's meanwhile.
 */
void session_kill(pid_t session);

/* Whether a process of the session lives; zombies do not. */
bool session_has_members(pid_t session);

#endif
