/* SPDX-License-Identifier: MIT */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

struct error;

/*
 * Takes the lock file below dir_fd without waiting. The lock belongs to the open file: it
 * is held until the last process that inherited the descriptor closed it, and is never
 * given back in any other way. -EWOULDBLOCK: somebody else holds it.
 */
int lock_take(int dir_fd, const char *name, int *ret_fd, struct error *err)
	__attribute__((warn_unused_result));

#endif
