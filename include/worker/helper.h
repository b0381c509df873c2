/* SPDX-License-Identifier: MIT */
#ifndef WORKER_HELPER_H
#define WORKER_HELPER_H

struct error;

/*
 * Opens a helper executable of ours: beside the running executable, else in
 * ../libexec/bootagent from there; never by PATH, environment or --root. It is opened
 * before privileges drop, so that a build tree below a private home works. -ENOENT with
 * both places in the text. The caller closes *ret_fd.
 */
int helper_open(const char *name, int *ret_fd, struct error *err)
	__attribute__((warn_unused_result));

#endif
