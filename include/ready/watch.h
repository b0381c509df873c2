/* SPDX-License-Identifier: MIT */
#ifndef READY_WATCH_H
#define READY_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct error;
struct run;

/* The processes of readiness.unit while the application is probed. */
struct watch {
	struct run *run;
	int proc_fd;        /* -1: no unit is configured */
	char *directory;    /* the release's, links resolved */
	bool must_be_new;   /* an answer of an old worker proves nothing */
	bool has_told;      /* that processes are hidden */
	int64_t seen_at_ms; /* when it last had processes, 0: never */
};

/* watch_done() ends it, also after an error. */
int watch_init(struct watch *watch, struct run *run, struct error *err)
	__attribute__((warn_unused_result));
void watch_done(struct watch *watch);

/*
 * 0: whoever answers now is of the new release, or that is not asked for. -ESRCH: the
 * unit's processes have ended and none has come back; else as unit_look() and
 * unit_judge().
 */
int watch_look(struct watch *watch, struct error *err)
	__attribute__((warn_unused_result));

#endif
