/* SPDX-License-Identifier: MIT */
#ifndef METADATA_ENDPOINT_H
#define METADATA_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

struct error;

#define ENDPOINTS_MAX 2

/* Where the metadata service may be. More than one: the first to answer is kept. */
struct endpoints {
	char *urls[ENDPOINTS_MAX]; /* without a slash at the end */
	size_t count;
};

/*
 * Reads AWS_EC2_METADATA_SERVICE_ENDPOINT, else AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE
 * (IPv4 or IPv6), else both well-known addresses. -EINVAL: a variable has an unusable
 * value.
 */
int endpoints_init(struct endpoints *endpoints, struct error *err)
	__attribute__((warn_unused_result));
void endpoints_done(struct endpoints *endpoints);

/* Keeps one of them, for good: once that is done, nothing is changed any more. */
void endpoints_keep(struct endpoints *endpoints, size_t index);

/* An absolute http or https URL: host, maybe port and path, nothing else. */
bool endpoint_is_url(const char *text);

/* Whether AWS_EC2_METADATA_DISABLED says so. */
bool endpoints_are_disabled(void);

#endif
