/* SPDX-License-Identifier: MIT */
#include "cmd/cmd.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/* The supervisor's entry: what is asked for, and its exit status. */

/* A descriptor of ours that took the place of a closed one would be printed into. */
static void fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		(void)close(fd);
}

int main(int argc, char **argv)
{
	struct options options;
	const struct verb *verb;
	int exit_code;

	fill_standard_descriptors();
	/* A reader that went away is no reason to stop in the middle of a run. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (!cmd_parse(argc, argv, &options, &verb, &exit_code))
		return exit_code;
	return verb->perform(&options);
}
