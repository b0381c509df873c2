/* SPDX-License-Identifier: MIT */
#ifndef READY_UNIT_H
#define READY_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;

/* Which processes are looked for, and what makes one new. All of it is borrowed. */
struct unit_question {
	const char *unit;      /* a systemd unit, "puma.service" */
	int64_t since_ms;      /* CLOCK_BOOTTIME: started after that */
	const char *directory; /* or working in this one or below it; links resolved */
};

/* What there is of the unit. */
struct unit_answer {
	size_t process_count;
	size_t worker_count; /* of these: those that serve */
	size_t old_count;    /* of the workers: those that may run the old code */
	pid_t oldest;        /* of the old ones; 0: there is none */
	bool is_hidden;      /* there may be more: some processes cannot be looked at */
};

/*
 * Looks at every process in an open /proc for those of the unit. One whose parent belongs
 * to the unit, too, is a worker, and one that is nobody's parent there: what is left is a
 * master, which lives on across a reload. What ends meanwhile is not counted. -ETIME:
 * /proc was not read within a second; -E2BIG: the unit has more than 10000 processes.
 */
int unit_look(int proc_fd, const struct unit_question *question,
	      struct unit_answer *ret_answer, struct error *err)
	__attribute__((warn_unused_result));

/*
 * 0 if there are workers and none of them is old; else the sentence says what is in the
 * way: -ENOENT: the unit has no process; -EACCES: none that may be looked at; -ESTALE.
 */
int unit_judge(const char *unit, const struct unit_answer *answer, struct error *err)
	__attribute__((warn_unused_result));

#endif
