/* SPDX-License-Identifier: MIT */
#ifndef SECRETS_BLANK_H
#define SECRETS_BLANK_H

struct secrets;

/* A shorter one would blank half of any text. */
#define BLANK_MIN_BYTES 8

/*
 * Replaces what this run knows of secrets by "[secret]" in a text that others wrote, in
 * place: each value, and each line of one, of BLANK_MIN_BYTES or more. Other forms of one
 * (base64, cut in two, escaped) stay. NULL: there are none.
 */
void blank_secrets(const struct secrets *secrets, char *text);

#endif
