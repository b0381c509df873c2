/* SPDX-License-Identifier: MIT */
#include "lifecycle/autoscaling.h"

#include <errno.h>

/*
 * The one service of AWS that this folder calls; its actions are built where they are
 * used. A launch that works is lost without its verdict, and nobody comes back for it:
 * other than elsewhere, an odd answer (a proxy's page, keys that are not known yet) is
 * never the last word.
 */

const struct aws_service autoscaling_service = {
	.signing_name = "autoscaling",
	.variable = "AWS_ENDPOINT_URL_AUTO_SCALING",
	.api_version = "2011-01-01",
};

const struct retry_rule autoscaling_rules[] = {
	{ -EBUSY, RETRY_THROTTLED },
	/* AccessDenied and kin, ValidationError, or a variable that is wrong. */
	{ -EACCES, RETRY_PERMANENT },
	{ -EINVAL, RETRY_PERMANENT },
	/* Asked for often enough, or waited for to the end. */
	{ -ENOENT, RETRY_PERMANENT },
	{ -ESTALE, RETRY_PERMANENT },
	{ -ECANCELED, RETRY_PERMANENT },
	{ 0, RETRY_TRANSIENT },
};
