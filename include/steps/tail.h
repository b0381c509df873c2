/* SPDX-License-Identifier: MIT */
#ifndef STEPS_TAIL_H
#define STEPS_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct secrets;

#define TAIL_LINES_MAX 50
#define TAIL_LINE_MAX_BYTES 1024 /* of a longer one the beginning is shown, and a mark */
#define TAIL_TEXT_MAX_BYTES 16384
#define TAIL_LIVE_MAX_BYTES 56 /* beside the stage's name on 80 columns */

/* The end of what a command writes, as it came: bounded, however much there is. */
struct tail {
	char *bytes;
	size_t length_bytes;
	size_t kept_bytes;   /* at least as much of the end is there */
	size_t secret_bytes; /* the longest secret's */
	int64_t total_bytes; /* of all that came */
};

/* Keeps more where secrets are long: each is looked for as a whole. */
void tail_init(struct tail *tail, const struct secrets *secrets);
void tail_done(struct tail *tail);

void tail_add(struct tail *tail, const char *data, size_t length_bytes);

/*
 * The last lines that are not empty, each with its line end, fit to be shown: secrets
 * blanked, nothing that moves a cursor. The caller frees it.
 */
char *tail_text(const struct tail *tail, const struct secrets *secrets)
	__attribute__((returns_nonnull, warn_unused_result));

/*
 * The last line that has ended, fit for a terminal's live line; NULL: there is none. The
 * caller frees it.
 */
char *tail_last_line(const struct tail *tail, const struct secrets *secrets)
	__attribute__((warn_unused_result));

/*
 * Makes a line, secrets blanked, fit to be shown, in place: cut where it is longer, with
 * a mark, for which there must be room behind max_bytes.
 */
void tail_trim_line(char *line, size_t max_bytes, bool is_longer);

#define TAIL_MARK " …"

#endif
