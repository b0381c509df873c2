/* SPDX-License-Identifier: MIT */
#ifndef STATE_ANSWERS_H
#define STATE_ANSWERS_H

struct error;
struct json_object;

/* So many are kept, and none that takes more than so many bytes. */
#define ANSWERS_MAX 64
#define ANSWER_MAX_BYTES 8192

/*
 * What a command said of itself before, {"tool": {…}, "answer": TEXT}, asked with the
 * same arguments in the same environment (arrays of texts); the caller puts it. NULL: it
 * is not known, or the file cannot be read.
 */
struct json_object *answers_find(int state_fd, const struct json_object *arguments,
				 const struct json_object *environment)
	__attribute__((warn_unused_result));

/*
 * Remembers what it said, in place of what it said before; what was remembered longest
 * ago makes room.
 */
int answers_save(int state_fd, struct json_object *arguments,
		 struct json_object *environment, struct json_object *known,
		 struct error *err) __attribute__((warn_unused_result));

#endif
