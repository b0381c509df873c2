/* SPDX-License-Identifier: MIT */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include "run/options.h"

#include <stdbool.h>

/* A verb of the command line: the table drives dispatch and help. */
struct verb {
	const char *name;      /* of one word or two, "config show" */
	const char *arguments; /* for the help, "[--json]" */
	bool has_operand;      /* takes one, in options->operand */
	const char *help;
	int (*perform)(const struct options *options);
};

/* Every verb there is; ends with a NULL name. */
extern const struct verb cmd_verbs[];

int cmd_boot(const struct options *options);
int cmd_sync(const struct options *options);
int cmd_rollback(const struct options *options);
int cmd_status(const struct options *options);
int cmd_config_show(const struct options *options);
int cmd_config_check(const struct options *options);
int cmd_config_schema(const struct options *options);

/*
 * Reads the command line. true: *ret_verb is to be performed with *ret_options. false:
 * all is said already (help, version, a wrong usage), and *ret_exit_code is the exit
 * status.
 */
bool cmd_parse(int argc, char **argv, struct options *ret_options,
	       const struct verb **ret_verb, int *ret_exit_code);

#endif
