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
 * with a password in it is none: it is shown in errors, status and log.
 */
enum repository_transport repository_transport_of(const char *address);

/* Whether the address names this very machine, so that nobody else listens. */
bool repository_is_local(const char *address);

#endif
