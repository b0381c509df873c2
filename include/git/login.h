/* SPDX-License-Identifier: MIT */
#ifndef GIT_LOGIN_H
#define GIT_LOGIN_H

#include "git/key.h"

#include <git2.h>
#include <json-c/json.h>
#include <stdbool.h>

struct address;
struct error;

/* Who we are for the server, and how far we came with it. login_done() wipes it. */
struct login {
	const struct address *address; /* borrowed */
	char *token;                   /* NULL: none; a secret */
	struct key key;                /* without a text: none */
	bool was_answered;
};

/*
 * Takes "token" or "ssh_key" from a request, whichever the address can use (borrowed for
 * as long as the login lives), and wipes both there. -EINVAL: a key that cannot be used;
 * -EPERM: a token would cross a network that others can read.
 */
int login_read(const struct json_object *request, const struct address *address,
	       struct login *ret_login, struct error *err)
	__attribute__((warn_unused_result));

void login_done(struct login *login);

/*
 * Answers the server's question, once: a second one means that the answer was refused.
 * `user` is the one in the URL that libgit2 has, `allowed` what it would take. -EACCES:
 * there is nothing to say, and the sentence tells why.
 */
int login_answer(struct login *login, const char *user, unsigned int allowed,
		 git_credential **ret_credential, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Whether a connection leads to another port than the address says: libgit2 follows a
 * redirect to one, and would log in there, too.
 */
bool login_is_elsewhere(const struct login *login);

#endif
