/* SPDX-License-Identifier: MIT */
#ifndef METADATA_METADATA_H
#define METADATA_METADATA_H

#include "base/clock.h"

#include <stdint.h>

struct error;
struct imds;

/* What stands in for the metadata service where AWS_EC2_METADATA_DISABLED is true. */
#define METADATA_STAND_IN "/etc/bootagent/instance.json"
#define METADATA_STAND_IN_MAX_BYTES 65536

/* What the instance knows of itself. Immutable for as long as it runs. */
struct metadata {
	char *instance_id;
	char *instance_type;
	char *image_id;
	char *availability_zone;
	char *region;
	char *pending_time; /* RFC 3339, when the launch began; NULL if not told */
	char *domain;       /* of the partition's endpoints, "amazonaws.com" */
};

/*
 * Asks for everything, retrying what is transient until the deadline (facts I1: the
 * service may be minutes late). -ETIME: it never answered; -EACCES: it is off. Waits on
 * the loop.
 */
int metadata_fetch(struct imds *imds, struct deadline deadline,
		   struct metadata **ret_metadata, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Reads the identity document's text; `domain` stays NULL, the service tells it apart.
 * -EPROTO: it lacks something, or holds what may not reach a path or a URL.
 */
int metadata_parse_document(const char *text, struct metadata **ret_metadata,
			    struct error *err) __attribute__((warn_unused_result));

/*
 * Reads the stand-in's text instead: an object of id, type, image_id, availability_zone
 * and region. -EINVAL: it is no such thing.
 */
int metadata_parse(const char *text, struct metadata **ret_metadata, struct error *err)
	__attribute__((warn_unused_result));

/* The domain of a region's partition, "amazonaws.com"; the caller frees it. */
char *metadata_domain_of(const char *region)
	__attribute__((returns_nonnull, warn_unused_result));

void metadata_free(struct metadata *metadata);

#endif
