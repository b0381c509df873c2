/* SPDX-License-Identifier: MIT */
#ifndef BASE_IDENTITY_H
#define BASE_IDENTITY_H

#include <stddef.h>
#include <sys/types.h>

struct error;

/* Who a child runs as. Zeroed = not loaded. */
struct identity {
	char *name;
	char *home;
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t group_count;
};

/*
 * Looks a user up with its primary and supplementary groups; never makes one. When we are
 * not root every user is oneself: then the name is not looked up. -ENOENT: no such user.
 * May block in the host's name service. identity_done() frees the members.
 */
int identity_init(struct identity *identity, const char *user, struct error *err)
	__attribute__((warn_unused_result));

void identity_done(struct identity *identity);

/*
 * The name of the person who called us: whoever used sudo, else whoever logged in, else
 * the user we run as. For people to read, not for a decision. The caller frees it.
 */
char *identity_person(void) __attribute__((returns_nonnull, warn_unused_result));

#endif
