/* SPDX-License-Identifier: MIT */
#ifndef GIT_LIBRARY_H
#define GIT_LIBRARY_H

#include <git2.h>
#include <stdbool.h>

struct error;

/* For what libgit2 learned later than the oldest version we build with. */
#define LIBRARY_IS_AT_LEAST(major, minor) \
	(LIBGIT2_VER_MAJOR > (major) ||   \
	 (LIBGIT2_VER_MAJOR == (major) && LIBGIT2_VER_MINOR >= (minor)))

/*
 * Starts libgit2 with no configuration but the mirror's own (facts G11) and with fsync.
 * Certificates are read only if they are needed: the whole CA bundle costs 5 ms. They are
 * the system's, or those that SSL_CERT_FILE and SSL_CERT_DIR name. Once a process;
 * library_stop() at its end.
 */
int library_start(bool needs_certificates, struct error *err)
	__attribute__((warn_unused_result));

/* -ENOTSUP, with a sentence, if this libgit2 cannot speak SSH with a key of ours. */
int library_require_ssh(struct error *err) __attribute__((warn_unused_result));

/* Harmless if it was not started. */
void library_stop(void);

/*
 * For the leak checker of sanitized builds: what is allocated until the same call with
 * false may stay. libgit2 1.5 does not free what it read from known_hosts.
 */
void library_may_leak(bool may_leak);

#endif
