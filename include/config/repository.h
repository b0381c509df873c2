/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_REPOSITORY_H
#define CONFIG_REPOSITORY_H

#include <stdbool.h>

/* How git is spoken to an address. */
enum repository_transport {
	REPOSITORY_UNKNOWN, /* none that is spoken here, or no address at all */
	REPOSITORY_HTTP,
	REPOSITORY_HTTPS,
	REPOSITORY_SSH, /* ssh://[user@]host[:port]/path, or user@host:path */
};

/*
 * The transport of a repository's address, as git-fetch(1) tells them apart. An address
 * with a secret in it is none: a password, what looks like a token where the user stands,
 * or a query or fragment.
 */
enum repository_transport repository_transport_of(const char *address);

/* Whether the address names this very machine, so that nobody else listens. */
bool repository_is_local(const char *address);

/*
 * What is to be said of an address that is none: the secret in it and what to do, or what
 * an address is. Never repeats it.
 */
const char *repository_refusal(const char *address);

/*
 * The address for errors, status and log: without the user of an http or https address,
 * and without query and fragment. The caller frees it.
 */
char *repository_shown(const char *address) __attribute__((warn_unused_result));

#endif
