/* SPDX-License-Identifier: MIT */
#ifndef STATE_RUNFILE_H
#define STATE_RUNFILE_H

#include <stdbool.h>

struct error;
struct json_object;

#define BOOT_ID_BYTES 37

/*
 * /run/bootagent/run.json: what `bootagent status` prints, and what the agent notes for
 * itself, in the member "writer": pid, start_time_ticks and these.
 */
struct runfile_notes {
	bool is_unproven; /* `current` has moved and has not proven itself yet */
	bool has_booted;  /* a boot of this boot id has ended well */
};

/* Writes the document with this process as its writer; takes no reference. */
int runfile_save(int run_fd, struct json_object *status,
		 const struct runfile_notes *notes, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Reads it; the status without the writer's part. The caller puts *ret_status. -ENOENT:
 * there is none, it is damaged, or it is another boot's. A run whose writer has died is
 * turned into what it is: interrupted, and after it moved `current` not serving (facts
 * L4).
 */
int runfile_load(int run_fd, const char *boot_id, struct json_object **ret_status,
		 struct runfile_notes *ret_notes, struct error *err)
	__attribute__((warn_unused_result));

/* This boot's id, from the kernel. */
int runfile_boot_id(char ret_boot_id[static BOOT_ID_BYTES], struct error *err)
	__attribute__((warn_unused_result));

#endif
