/* SPDX-License-Identifier: MIT */
#include "cmd/cmd.h"

#include "pipeline.h"

/* `bootagent rollback`: back to a release that is on the machine; git is not asked. */

int cmd_rollback(const struct options *options)
{
	return pipeline_run(options, "rollback");
}
