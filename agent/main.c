/* SPDX-License-Identifier: MIT */
#include "cmd/cmd.h"

/* The supervisor's entry: what is asked for, and its exit status. */

int main(int argc, char **argv)
{
	struct options options;
	const struct verb *verb;
	int exit_code;

	if (!cmd_parse(argc, argv, &options, &verb, &exit_code))
		return exit_code;
	return verb->perform(&options);
}
