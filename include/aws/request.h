/* SPDX-License-Identifier: MIT */
#ifndef AWS_REQUEST_H
#define AWS_REQUEST_H

struct aws;
struct aws_request;
struct aws_service;
struct error;

/*
 * Where the service is called: the standard AWS_ENDPOINT_URL variables, else the region's
 * own host. The caller frees it. -EINVAL: a variable is unusable.
 */
int request_url(const struct aws *aws, const struct aws_service *service, char **ret_url,
		struct error *err) __attribute__((warn_unused_result));

/*
 * For an error: the scheme and host of that URL and the variables that may lead elsewhere
 * than one thinks, a proxy's too; no variable's value. The caller frees it.
 */
char *request_place(const struct aws_service *service, const char *url)
	__attribute__((returns_nonnull, warn_unused_result));

/* What is posted there: a form, or a JSON document. The caller frees it. */
char *request_body(const struct aws_request *request)
	__attribute__((returns_nonnull, warn_unused_result));

/*
 * The header that names the action in the JSON protocol; NULL in the query protocol,
 * which has it in the form. The caller frees it.
 */
char *request_target(const struct aws_request *request)
	__attribute__((warn_unused_result));

#endif
