/* SPDX-License-Identifier: MIT */
#ifndef SECRETS_BLANK_H
#define SECRETS_BLANK_H

#include <stdbool.h>

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

#endif
