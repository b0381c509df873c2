/* SPDX-License-Identifier: MIT */
#ifndef STATE_RELEASES_H
#define STATE_RELEASES_H

#include "state/failures.h"

#include <stdbool.h>
#include <stddef.h>

struct error;

/* What is known of a release; its order is that of trust. */
enum release_state {
	RELEASE_MAKING,   /* half-made: never reused, removed by the next run */
	RELEASE_PREPARED, /* complete, not yet proven */
	RELEASE_ADOPTED,  /* somebody else's; it was current when we came */
	RELEASE_GOOD,     /* proven by a probe */
};

/* One release, and where its state was found (facts S5). */
struct release_record {
	char *name; /* YYYYmmddHHMMSS */
	char *revision;
	enum release_state state;
	char *instance_id;
	char *boot_id;
	bool is_left; /* a person rolled back from it: gone back to only by its name */
};

/* The truth about releases, in the order of their last proof; and what did not work. */
struct releases {
	struct release_record *items;
	size_t count;
	struct failures failures;
	bool is_loaded;
};

/* No file is an empty list. -EBADMSG: it is damaged; it is left as it is. */
int releases_load(int state_fd, struct releases *ret_releases, struct error *err)
	__attribute__((warn_unused_result));

/* Writes the list, durable when the call returns. */
int releases_save(int state_fd, const struct releases *releases, struct error *err)
	__attribute__((warn_unused_result));

void releases_done(struct releases *releases);

/* The record of that name; NULL: none. Borrowed until the list changes. */
struct release_record *releases_find(const struct releases *releases, const char *name);

/*
 * Adds a record at the end, instead of one of the same name: that is one directory.
 * Borrowed until the list changes.
 */
struct release_record *releases_add(struct releases *releases, const char *name,
				    const char *revision);

/* Moves a record to the end, the place of the latest; borrowed until the list changes. */
struct release_record *releases_move_last(struct releases *releases, const char *name);

/* Takes a record out; harmless if there is none of that name. */
void releases_remove(struct releases *releases, const char *name);

/* Sets the state with the instance and the boot where it was found. */
void release_record_set(struct release_record *record, enum release_state state,
			const char *instance_id, const char *boot_id);

/* "good" and kin; borrowed for ever. */
const char *release_state_word(enum release_state state);

/*
 * The latest release that is good, or was current before we came; one is left out by name
 * (NULL: none).
 */
struct release_record *releases_last_good(const struct releases *releases,
					  const char *except);

/* The latest complete release of a revision; NULL: none. */
struct release_record *releases_find_revision(const struct releases *releases,
					      const char *revision);

#endif
