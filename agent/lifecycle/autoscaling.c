/* SPDX-License-Identifier: MIT */
#include "lifecycle/autoscaling.h"

/*
 * The one service of AWS that this folder calls; its actions are built where they are
 * used.
 */

const struct aws_service autoscaling_service = {
	.signing_name = "autoscaling",
	.variable = "AWS_ENDPOINT_URL_AUTO_SCALING",
	.api_version = "2011-01-01",
};
