/* SPDX-License-Identifier: MIT */
#ifndef SECRETS_SECRETS_TYPES_H
#define SECRETS_SECRETS_TYPES_H

#include "base/clock.h"
#include "base/error.h"
#include "config/config.h"
#include "config/secret.h"
#include "net/retry.h"

#include <stdbool.h>
#include <stddef.h>

struct aws;
struct aws_call;

/* One value that the configuration names. */
struct secret {
	const char *text; /* as it names it; borrowed from the configuration */
	char *key;        /* that names it, "release.linked_files[0].parameter" */
	struct secret_name name;
	bool is_wanted; /* by now */
	char *value;    /* NULL until it came; wiped when done */
};

/* What AWS was asked last. */
enum secrets_question {
	SECRETS_PARAMETERS, /* ten of them at most */
	SECRETS_SECRET,
	SECRETS_PAGE,  /* of the group */
	SECRETS_GROUP, /* that is one secret */
};

/* All that the configuration names, and how far reading it has come. */
struct secrets {
	struct aws *aws;
	struct retry_listener listener;
	struct deadline deadline;

	struct secret *items;
	size_t count;

	const char *group; /* application.environment_parameters; NULL: none */
	struct secret_name group_name;
	bool is_group_wanted, is_group_known;
	bool is_group_kept; /* the variables are an earlier run's */
	bool is_written;    /* they went into the file, which held before: */
	char *file_before;  /* NULL: there was none; wiped when done */
	bool is_linked;     /* the files were filled in this run */
	char *next_page;    /* of the group; NULL: the first */
	int page_count;
	struct config_texts variables; /* of the group, "NAME=value"; wiped when done */

	enum secrets_question question;
	struct secret *asked;   /* SECRETS_SECRET */
	struct aws_call *call;  /* under way, or the last one */
	struct aws_call *spent; /* in whose callback the next one began */
	struct retry retry;
	bool is_asking;
	struct error error; /* why it was given up; code 0: it was not */
};

#endif
