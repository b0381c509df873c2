/* SPDX-License-Identifier: MIT */
#include "cmd/cmd.h"

#include "pipeline.h"

/* `bootagent sync`: brings the wanted revision into service; the hook is left alone. */

int cmd_sync(const struct options *options)
{
	return pipeline_run(options, "sync");
}
