/* SPDX-License-Identifier: MIT */
#ifndef RUN_EXIT_H
#define RUN_EXIT_H

/* Every exit status of the program, one table (design: "Verbs, exit codes, locks"). */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,    /* and nothing good serves */
	EXIT_USAGE = 2,     /* wrong usage or configuration */
	EXIT_NOT_READY = 3, /* or unknown: status only */
	EXIT_INTERRUPTED = 4,
	EXIT_PREVIOUS_SERVES = 5, /* failed, the previous release serves */
	EXIT_REFUSED = 6,
	EXIT_BUSY = 75, /* another run holds the lock */
};

#endif
