/* SPDX-License-Identifier: MIT */
#ifndef TREE_REQUIREMENT_H
#define TREE_REQUIREMENT_H

/*
 * Whether a version satisfies a requirement as RubyGems means both ("~> 3.1", ">= 3.1.2",
 * "3.2.2", "3.3.0.rc1"): 1 or 0; -EINVAL: one of them is none, or has more parts or
 * digits than any Ruby's.
 */
int requirement_is_met(const char *requirement, const char *version)
	__attribute__((warn_unused_result));

#endif
