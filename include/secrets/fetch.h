/* SPDX-License-Identifier: MIT */
#ifndef SECRETS_FETCH_H
#define SECRETS_FETCH_H

struct error;
struct secrets;

/*
 * Goes on until everything that is wanted has its value, or the deadline: asks on the
 * loop and returns at once. Parameters come ten at a time, one request after the other.
 * Throttling and what may pass is waited out. An error is kept in secrets->error; while
 * one is there nothing is asked any more.
 */
void secrets_fetch(struct secrets *secrets);

/* Forgets the group's variables, all pages of them. */
void secrets_begin_group(struct secrets *secrets);

/* Gives up what is under way. Harmless without. */
void secrets_cancel(struct secrets *secrets);

#endif
