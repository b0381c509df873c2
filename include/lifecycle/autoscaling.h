/* SPDX-License-Identifier: MIT */
#ifndef LIFECYCLE_AUTOSCALING_H
#define LIFECYCLE_AUTOSCALING_H

#include "aws/aws.h"

/* Amazon EC2 Auto Scaling, API version 2011-01-01. */
extern const struct aws_service autoscaling_service;

/*
 * Which errors end what the verdict asks (facts L3): what AWS refuses by name, and what
 * no time mends. All others are tried again until its deadline.
 */
extern const struct retry_rule autoscaling_rules[];

#endif
