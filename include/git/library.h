/* SPDX-License-Identifier: MIT */
#ifndef GIT_LIBRARY_H
#define GIT_LIBRARY_H

#include <stdbool.h>

struct error;

/*
 * Starts libgit2 with no configuration but the mirror's own (facts G11) and with fsync.
 * Certificates are read only if they are needed: the whole CA bundle costs 5 ms. Once a
 * process; library_stop() at its end.
 */
int library_start(bool needs_certificates, struct error *err)
	__attribute__((warn_unused_result));

/* Harmless if it was not started. */
void library_stop(void);

#endif
