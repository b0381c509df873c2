/* SPDX-License-Identifier: MIT */
#include "cmd/cmd.h"

#include "pipeline.h"

/* `bootagent boot`: from launch to the verdict. */

int cmd_boot(const struct options *options)
{
	return pipeline_run(options, "boot");
}
