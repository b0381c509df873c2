/* SPDX-License-Identifier: MIT */
#ifndef SECRETS_BLANK_H
#define SECRETS_BLANK_H

#include <stdbool.h>
#include <stddef.h>

struct secrets;

/* A shorter one would blank half of any text. */
#define BLANK_MIN_BYTES 8

/*
 * Replaces what this run knows of secrets by "[secret]" in a text that others wrote, in
 * place: each value, and each line of one, of BLANK_MIN_BYTES or more. Other forms of one
 * (base64, cut in two, escaped) stay. is_cut: the text's beginning is missing, so what it
 * begins with may be the end of a value. NULL: there are none.
 */
void blank_secrets(const struct secrets *secrets, char *text, bool is_cut);

/*
 * The same for a part of a text, which is all that stays of it: a secret that begins
 * before the part or ends behind it is still found.
 */
void blank_secrets_between(const struct secrets *secrets, char *text, size_t from_bytes,
			   size_t to_bytes);

/* The length of the longest secret of this run, 0: there is none. */
size_t blank_longest_bytes(const struct secrets *secrets);

#endif
