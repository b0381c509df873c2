/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_SECRET_H
#define CONFIG_SECRET_H

#include <stdbool.h>

/* Where a secret that the configuration names is kept. */
enum secret_store {
	SECRET_PARAMETER, /* SSM Parameter Store */
	SECRET_SECRET,    /* Secrets Manager */
};

/* A secret's name, taken apart. secret_name_done() frees it. */
struct secret_name {
	enum secret_store store;
	char *id;     /* what AWS is asked for: a name, a path, an ARN */
	char *member; /* of a secret that is a JSON object; NULL: all of its text */
};

/*
 * Takes a name apart. Parameter Store: "NAME", "/PATH/NAME", each with ":VERSION" or
 * ":LABEL", or a parameter's ARN. Secrets Manager: a secret's ARN, with ":MEMBER" as
 * Amazon ECS has it, or "/aws/reference/secretsmanager/NAME[:MEMBER]", which is Parameter
 * Store's own way to write one (the secret is asked for directly). -EINVAL: none of
 * these.
 */
int secret_name_parse(const char *text, struct secret_name *ret_name)
	__attribute__((warn_unused_result));

void secret_name_done(struct secret_name *name);

/* Of an ARN the region, which a colon follows; borrowed. NULL: it is no ARN. */
const char *secret_region(const char *text);

/* Whether it can name one secret. */
bool secret_is_name(const char *text);

/* Whether it can name several: a path, or a secret that is a JSON object. */
bool secret_is_group(const char *text);

#endif
