/* SPDX-License-Identifier: MIT */
#ifndef GIT_NOTICES_H
#define GIT_NOTICES_H

#include <stddef.h>

struct error;
struct json_object;

/* What a person should know of an export, besides that it worked. */
enum notice {
	NOTICE_SUBMODULE,
	NOTICE_LFS, /* an error at the end */
	NOTICE_FILTER,
	NOTICE_ENCODING,
	NOTICE_PLACEHOLDER,
	NOTICE_COUNT,
};

struct noticed {
	char *paths; /* the first of them, quoted */
	char *detail;
	size_t count;
};

struct notices {
	struct noticed items[NOTICE_COUNT];
};

void notices_done(struct notices *notices);

/* detail: what else to say of it, the first one's stays; or NULL. */
void notices_add(struct notices *notices, enum notice notice, const char *path,
		 const char *detail);

/* -EBADMSG if something was noticed that no release may have. */
int notices_check(const struct notices *notices, struct error *err)
	__attribute__((warn_unused_result));

/* An array with a sentence for each kind that was noticed; the caller puts it. */
struct json_object *notices_describe(const struct notices *notices);

#endif
