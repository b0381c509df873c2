/* SPDX-License-Identifier: MIT */
#ifndef GIT_KEY_H
#define GIT_KEY_H

#include <stdbool.h>

struct error;

/* A private key for SSH. key_done() wipes and frees it. */
struct key {
	char *text;        /* as libssh2 reads it: a secret */
	char *type;        /* "ssh-ed25519", …; NULL: not found out */
	char *public_line; /* "ssh-ed25519 AAAA…"; NULL: not known, or too long to show */
};

/*
 * Reads a private key in OpenSSH's or in PEM form; odd line ends and a missing last one
 * are mended. -EINVAL: it has a passphrase, is a public key, of a type that cannot be
 * used, or damaged: the sentence says which, and holds nothing of the key.
 */
int key_parse(const char *text, struct key *ret_key, struct error *err)
	__attribute__((warn_unused_result));

void key_done(struct key *key);

bool key_is_rsa(const struct key *key);

#endif
