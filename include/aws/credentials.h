/* SPDX-License-Identifier: MIT */
#ifndef AWS_CREDENTIALS_H
#define AWS_CREDENTIALS_H

#include "base/clock.h"
#include "net/retry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct http_transfer;
struct imds;
struct imds_query;

/* Where they come from; the first that is there, as in every AWS tool. */
enum credentials_source {
	CREDENTIALS_ENVIRONMENT, /* AWS_ACCESS_KEY_ID and kin: they are all there are */
	CREDENTIALS_CONTAINER,
	CREDENTIALS_ROLE, /* the instance's, from IMDS */
};

/*
 * Where credentials come from, and the ones in hand. Secrets: never logged, wiped when
 * done.
 */
struct credentials {
	struct imds *imds;
	enum credentials_source source;
	bool is_fetching;
	struct imds_query *query;
	struct http_transfer *transfer;
	struct retry retry;
	struct deadline deadline;
	char *role; /* as the metadata service named it last; NULL: not yet */
	char *access_key;
	char *secret_key;
	char *session_token;   /* NULL: long-lived keys */
	int64_t expires_at_ms; /* wall clock; 0: never */
	void (*on_done)(int result, const struct error *err, void *userdata);
	void *userdata;
};

/* Takes keys from AWS_ACCESS_KEY_ID and kin where they are set; asks nothing. */
void credentials_init(struct credentials *credentials, struct imds *imds);
void credentials_done(struct credentials *credentials);

/*
 * Takes the keys out of a reply of the role's or the container's (facts A2). -EPROTO: not
 * such a reply, or not one with keys; the ones in hand stay. The error quotes no key.
 */
int credentials_read(struct credentials *credentials, const char *text, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Below /latest/, where the keys are of the role that a reply names first; the caller
 * frees it. -EPROTO: no name of a role.
 */
int credentials_role_path(const char *text, char **ret_path, struct error *err)
	__attribute__((warn_unused_result));

/* Whether there are keys that stay valid for five minutes more (facts A2). */
bool credentials_are_fresh(const struct credentials *credentials);

/* Whether there are keys that are not expired yet. */
bool credentials_are_valid(const struct credentials *credentials);

/*
 * Puts '*' over the keys in hand wherever they stand in a text that is to be repeated.
 * What is too short to be a key is left alone.
 */
void credentials_hide(const struct credentials *credentials, char *text,
		      size_t length_bytes);

/* Forgets keys that AWS calls expired. false: there are no others to be had. */
bool credentials_forget(struct credentials *credentials);

/*
 * Fetches the container's or the role's credentials and calls on_done once from the loop;
 * returns at once. What is not there yet is asked for again for four minutes. -EBUSY: a
 * fetch is under way; -EINVAL: the environment has half a pair. on_done's result: 0;
 * -ENOKEY: the instance has no role, or that has no keys; else what imds_query_result()
 * or http_transfer_result() says. Keys in hand stay until there are new ones.
 */
int credentials_start(struct credentials *credentials, struct deadline deadline,
		      void (*on_done)(int result, const struct error *err,
				      void *userdata),
		      void *userdata, struct error *err)
	__attribute__((warn_unused_result));

/* Gives up a fetch that is under way: on_done is not called. Harmless without one. */
void credentials_cancel(struct credentials *credentials);

#endif
