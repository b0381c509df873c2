/* SPDX-License-Identifier: MIT */
#ifndef AWS_CREDENTIALS_H
#define AWS_CREDENTIALS_H

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

struct error;
struct imds;
struct imds_query;

/*
 * Where credentials come from, and the ones in hand. Secrets: never logged, wiped when
 * done.
 */
struct credentials {
	struct imds *imds;
	struct imds_query *query;
	struct deadline deadline;
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

/* Whether there are keys that stay valid for five minutes more (facts A2). */
bool credentials_are_fresh(const struct credentials *credentials);

/*
 * Fetches the instance role's credentials and calls on_done once from the loop; returns
 * at once. -EBUSY: a fetch is under way. on_done's result: 0; -ENOENT: the instance has
 * no role; else what imds_query_result() says.
 */
int credentials_start(struct credentials *credentials, struct deadline deadline,
		      void (*on_done)(int result, const struct error *err,
				      void *userdata),
		      void *userdata, struct error *err)
	__attribute__((warn_unused_result));

/* Gives up a fetch that is under way: on_done is not called. Harmless without one. */
void credentials_cancel(struct credentials *credentials);

#endif
