/* SPDX-License-Identifier: MIT */
#ifndef AWS_CONTAINER_H
#define AWS_CONTAINER_H

#include <stdbool.h>

struct error;

/* Whether the environment names a container's credentials endpoint. */
bool container_is_configured(void);

/*
 * The endpoint's URL from AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI, and the
 * header from AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE (read anew each time) or
 * AWS_CONTAINER_AUTHORIZATION_TOKEN; *ret_header is NULL without one, and a secret. The
 * caller frees both. -EINVAL: a variable has an unusable value. Reads a small file.
 */
int container_request(char **ret_url, char **ret_header, struct error *err)
	__attribute__((warn_unused_result));

#endif
