/* SPDX-License-Identifier: MIT */
#ifndef GIT_HOSTKEY_H
#define GIT_HOSTKEY_H

#include <git2.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

struct address;
struct error;

/* The kinds of host key that can be asked for, the best first. */
enum hostkey_type {
	HOSTKEY_ED25519,
	HOSTKEY_ECDSA_256,
	HOSTKEY_ECDSA_384,
	HOSTKEY_ECDSA_521,
	HOSTKEY_RSA,
	HOSTKEY_TYPE_COUNT,
};

/* One public key that the server may have. */
struct hostkey {
	enum hostkey_type type;
	unsigned char *blob;
	size_t blob_bytes;
};

/* What is pinned for one host. hostkey_list_done() frees the members. */
struct hostkey_list {
	struct hostkey *items;
	size_t count;
};

/*
 * Reads the lines that are pinned (NULL: none) and keeps those for the address's host:
 * "TYPE KEY [comment]", or as in a known_hosts file, "HOSTS TYPE KEY [comment]", where a
 * hashed name counts as the host's. -EINVAL: a line that is none.
 */
int hostkey_list_read(struct json_object *lines, const struct address *address,
		      struct hostkey_list *ret_list, struct error *err)
	__attribute__((warn_unused_result));

void hostkey_list_done(struct hostkey_list *list);

bool hostkey_list_has_type(const struct hostkey_list *list, enum hostkey_type type);

/* Whether the server's key is one of the list, byte for byte. */
bool hostkey_list_has(const struct hostkey_list *list, const git_cert_hostkey *shown);

/*
 * The text of a known_hosts file that makes libgit2 ask the host for a key of that type.
 * The caller frees it.
 */
char *hostkey_preference(const char *host, enum hostkey_type type)
	__attribute__((returns_nonnull, warn_unused_result));

/* Why the key that the server showed is refused, and what to set: -EKEYREJECTED. */
int hostkey_refuse(const struct hostkey_list *list, const git_cert_hostkey *shown,
		   struct error *err) __attribute__((warn_unused_result));

#endif
