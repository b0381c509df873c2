/* SPDX-License-Identifier: MIT */
#ifndef LIFECYCLE_AUTOSCALING_H
#define LIFECYCLE_AUTOSCALING_H

#include "aws/aws.h"

/* Amazon EC2 Auto Scaling, API version 2011-01-01. */
extern const struct aws_service autoscaling_service;

#endif
