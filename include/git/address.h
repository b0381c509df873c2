/* SPDX-License-Identifier: MIT */
#ifndef GIT_ADDRESS_H
#define GIT_ADDRESS_H

#include <stdbool.h>

struct error;

enum address_scheme {
	ADDRESS_HTTP,
	ADDRESS_HTTPS,
	ADDRESS_SSH,
};

/* Where a repository is. address_done() frees the members. */
struct address {
	enum address_scheme scheme;
	char *url;      /* for libgit2: over HTTP without a user, over SSH with one */
	char *host;     /* an IPv6 address without its brackets */
	char *user;     /* over HTTP, decoded; NULL if there is none: a secret */
	char *password; /* the same */
	int port;
};

/*
 * Reads "http://…", "https://…", "ssh://[user@]host[:port]/path" or scp's
 * "[user@]host:path"; the user of SSH is "git" unless named. -EINVAL: anything else. The
 * text of the error holds nothing of the address.
 */
int address_parse(const char *text, struct address *ret_address, struct error *err)
	__attribute__((warn_unused_result));

void address_done(struct address *address);

/* Whether the host is this machine: localhost, 127.0.0.0/8 or ::1. */
bool address_is_loopback(const struct address *address);

#endif
