/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_COMPLAINTS_H
#define CONFIG_COMPLAINTS_H

#include "config/origin.h"

#include <stddef.h>

struct error;

#define COMPLAINTS_KEPT_MAX 20

/* What is wrong with a configuration, all of it; zeroed = nothing. Of many the first. */
struct complaints {
	char *lines[COMPLAINTS_KEPT_MAX]; /* "file:line:column: sentence" */
	size_t count;                     /* also of those that are not kept */
};

/* Adds a sentence about what stands there. It must not hold a value of the file. */
void complaints_add(struct complaints *complaints, struct origin origin,
		    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Adds a line that names its place itself. */
void complaints_add_line(struct complaints *complaints, const char *line);

/* How many lines there are to print: those kept, and one that counts the rest. */
size_t complaints_line_count(const struct complaints *complaints);

/* A line to print. The caller frees it. */
char *complaints_line(const struct complaints *complaints, size_t index);

/* The first complaint and how many follow; returns -EINVAL. There must be one. */
int complaints_error(const struct complaints *complaints, struct error *err)
	__attribute__((warn_unused_result));

void complaints_done(struct complaints *complaints);

#endif
