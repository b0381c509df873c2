/* SPDX-License-Identifier: MIT */
#ifndef GIT_PERSON_H
#define GIT_PERSON_H

#include <stdbool.h>
#include <stddef.h>

struct content_text;

/*
 * Adds one part of a commit's author or committer line ("Name <mail> seconds +hhmm"):
 * n name, e mail, l mail up to its '@', t seconds, d i I s D the date in the forms that
 * git calls default, iso, iso-strict, short and rfc2822. Nothing is added for a part that
 * the line lacks. false: no such part.
 */
bool person_add(const char *line, char part, struct content_text *text);

#endif
