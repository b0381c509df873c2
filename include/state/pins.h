/* SPDX-License-Identifier: MIT */
#ifndef STATE_PINS_H
#define STATE_PINS_H

#include <stdbool.h>
#include <stdint.h>

struct error;

/*
 * What a person pinned this machine to: /var/lib/bootagent/pin.json. It is the wanted
 * revision until it is taken back. Zeroed = there is none.
 */
struct pin {
	char *revision; /* NULL: nothing is pinned */
	char *ref;      /* what was asked for, "v1.0"; NULL: a release */
	char *by;       /* who did it */
	char *instance_id;
	int64_t at_ms; /* wall clock */
};

/*
 * Reads the pin. No file is none, and so is one of another instance: it came with the
 * image. -EBADMSG: it is damaged; it is left as it is. pin_done() frees the members.
 */
int pin_load(int state_fd, const char *instance_id, struct pin *ret_pin,
	     struct error *err) __attribute__((warn_unused_result));

/* Writes it, durable when the call returns. */
int pin_save(int state_fd, const struct pin *pin, struct error *err)
	__attribute__((warn_unused_result));

/* Takes it back; harmless if there is none. */
int pin_remove(int state_fd, struct error *err) __attribute__((warn_unused_result));

void pin_done(struct pin *pin);

#endif
