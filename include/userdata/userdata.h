/* SPDX-License-Identifier: MIT */
#ifndef USERDATA_USERDATA_H
#define USERDATA_USERDATA_H

#include "base/clock.h"

#include <stddef.h>

struct error;
struct imds;

/* What EC2 takes; longer is refused. */
#define USERDATA_MAX_BYTES 16384
/* What compressed user data may become. */
#define USERDATA_PLAIN_MAX_BYTES (1024 * 1024)

/* The instance's user data as it came: a secret, never logged. */
struct userdata {
	char *data; /* a NUL follows; NULL: there is none */
	size_t length_bytes;
};

/* Where it is kept for the rest of the boot. */
struct userdata_place {
	int run_fd; /* run/bootagent */
	const char *boot_id;
};

/*
 * The user data of this boot: from run/bootagent/user-data (0600) if it was fetched
 * before, else from the metadata service, retrying what is transient until the deadline;
 * then it is kept there. No user data (404, or the service disabled) is no error. Waits
 * on the loop. -EFBIG: larger than EC2 allows; -ETIME: the service did not answer.
 */
int userdata_fetch(struct imds *imds, const struct userdata_place *place,
		   struct deadline deadline, struct userdata *ret_userdata,
		   struct error *err) __attribute__((warn_unused_result));

/*
 * What userdata_fetch() kept in this boot; asks nobody. -ENOENT: nothing (yet), or not
 * readable as what it should be; -EACCES: it is for root's eyes.
 */
int userdata_load(const struct userdata_place *place, struct userdata *ret_userdata)
	__attribute__((warn_unused_result));

/* Wipes and frees the members. */
void userdata_done(struct userdata *userdata);

/*
 * The bootagent configuration in user data: JSON as it stands, or the one JSON part
 * (application/json) of a MIME multi-part document; either may be compressed with gzip.
 * *ret_json is NUL-terminated, the caller's and maybe secret; NULL: there is none, and
 * *ret_note, the caller's, says why ("a script: left to cloud-init"; NULL: the user data
 * is empty). Whether the JSON is good is for its reader to say. -EINVAL: what must be
 * ours is damaged; -EFBIG: it unpacks to more than 1 MiB. Neither text quotes more than
 * the parts' types.
 */
int userdata_extract(const char *data, size_t length, char **ret_json, char **ret_note,
		     struct error *err) __attribute__((warn_unused_result));

#endif
