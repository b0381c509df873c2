/* SPDX-License-Identifier: MIT */
#ifndef GIT_FAILURE_H
#define GIT_FAILURE_H

#include <git2.h>

struct error;

/*
 * Turns libgit2's last error, and the return code it came with, into ours: "context:
 * what libgit2 said", as a sentence where we know a better one. Classes:
 *
 *   ENETUNREACH  no way to the server, or it ended the conversation, or it cannot serve
 *                now (429, 5xx): git is unreachable, another try may work
 *   ETIMEDOUT    the same, after a wait
 *   EACCES       the server refuses us (401, 403), or a file of the mirror does
 *   ENOENT       the server, or the mirror, does not have it
 *   EKEYREJECTED the server's certificate or host key is not trusted
 *   EPROTO       the server speaks, but not as a git host does
 *   EUCLEAN      what is stored in the mirror is damaged, or is not there
 *   EBADMSG      what was received is damaged, or a tree is none of git's
 *   any other    what the system said (ENOSPC, EMFILE, …); EIO if nothing fits
 */
int failure_set(struct error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4), warn_unused_result));

/* The same for an object that must be in the mirror: that it is not there is -EUCLEAN. */
int failure_set_object(struct error *err, int code, const git_oid *id)
	__attribute__((warn_unused_result));

/*
 * Takes "user:password@" out of every URL of a text, in place. Rather too much than too
 * little: a password with a raw '/' in it goes too.
 */
void failure_hide_userinfo(char *text);

#endif
