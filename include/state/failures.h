/* SPDX-License-Identifier: MIT */
#ifndef STATE_FAILURES_H
#define STATE_FAILURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

/* What was tried, and where. The texts are borrowed. */
struct failure_key {
	const char *revision;
	const char *digest; /* of the configuration (config/digest.h) */
	const char *instance_id;
	const char *boot_id;
};

/* How it failed. */
struct failure_finding {
	const char *cause;  /* as in last_run.cause of the status */
	const char *reason; /* a sentence; cut where it is too long */
	int64_t at_ms;      /* wall clock */
	bool is_bad;        /* the release before passed what this one did not */
};

/* A revision that did not prove itself, and until when it is not tried again. */
struct failure {
	char *revision;
	char *digest;
	char *instance_id;
	char *boot_id;
	const char *cause; /* for ever; NULL: a word that we do not know */
	char *reason;
	bool is_bad;   /* else it may have been what is around it */
	int64_t count; /* how often in a row */
	int64_t at_ms, until_ms;
};

/* The latest failures, the latest of all last. */
struct failures {
	struct failure *items;
	size_t count;
};

/*
 * Members of releases.json: "bad", and "retry" for those that are tried again soon. What
 * is missing there, or cannot be understood, was never remembered.
 */
void failures_read(struct failures *failures, const struct json_object *document);
void failures_write(const struct failures *failures, struct json_object *document);

void failures_done(struct failures *failures);

/*
 * Remembers one more failure in the place of the one with the same key: a bad revision
 * for a day and up to six hours, any other for a minute at first and an hour at most.
 * Forgets those of other instances, and the oldest where there are too many.
 */
void failures_add(struct failures *failures, const struct failure_key *key,
		  const struct failure_finding *finding);

/*
 * The failure that stands against trying it now; NULL: none. One of another instance is
 * none, and one that is not the revision's fault is none in another boot. Borrowed until
 * the list changes.
 */
const struct failure *failures_find(const struct failures *failures,
				    const struct failure_key *key, int64_t now_ms);

/* Forgets all there is of a revision; whether there was any. */
bool failures_forget(struct failures *failures, const char *revision);

/* Whether there is any. */
bool failures_has(const struct failures *failures, const char *revision);

#endif
