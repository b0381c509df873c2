/* SPDX-License-Identifier: MIT */
#ifndef METADATA_METADATA_H
#define METADATA_METADATA_H

#include "base/clock.h"

#include <stdint.h>

struct error;
struct imds;
struct loop;

/*
 * What the instance knows of itself. Immutable for as long as it runs, target_state
 * apart.
 */
struct metadata {
	char *instance_id;
	char *instance_type;
	char *image_id;
	char *availability_zone;
	char *region;
	char *pending_time; /* RFC 3339, when the launch began; NULL if not told */
	char *domain;       /* of the partition's endpoints, "amazonaws.com" */
	char *target_state; /* autoscaling/target-lifecycle-state; NULL: in no group */
};

/*
 * Asks for everything, retrying what is transient until the deadline (facts I1: the
 * service may be minutes late). -ETIME: it never answered; -EACCES: it is off. Waits on
 * the loop.
 */
int metadata_fetch(struct loop *loop, struct imds *imds, struct deadline deadline,
		   struct metadata **ret_metadata, struct error *err)
	__attribute__((warn_unused_result));

void metadata_free(struct metadata *metadata);

#endif
