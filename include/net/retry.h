/* SPDX-License-Identifier: MIT */
#ifndef NET_RETRY_H
#define NET_RETRY_H

#include "base/clock.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct loop;

/* How a try ended, as far as trying again goes. */
enum retry_class {
	RETRY_DONE,
	RETRY_TRANSIENT, /* no answer, or the server's fault: soon again */
	RETRY_THROTTLED, /* we are asked to slow down: again, but later and later */
	RETRY_PERMANENT, /* the answer will be the same */
};

/* A library's table of error codes; the row with code 0 is last, for all others. */
struct retry_rule {
	int code;
	enum retry_class class;
};

/* Who is told while something is waited for. A tell of NULL: nobody. */
struct retry_listener {
	void (*tell)(void *userdata, const char *line);
	void *userdata;
};

/* What a try has to say of the next one; zeroed before each. */
struct retry_hint {
	int64_t retry_after_ms; /* the server's, of which a minute counts; 0: none */
	bool is_last;           /* no further try, whatever the class */
	bool is_at_once;        /* no pause before the next one */
};

struct retry_plan {
	struct loop *loop;
	const char *what; /* what is waited for, in the lines that are told */
	const struct retry_rule *rules;
	int64_t first_ms; /* the first pause, jitter apart; they double */
	int64_t cap_ms;   /* of a transient failure's pauses; 0: as the others', 30 s */
	bool is_steady;   /* every pause is first_ms, without jitter */
	struct deadline deadline;
	struct retry_listener listener;
	void *userdata;                /* of retry_run()'s attempt and of again */
	void (*again)(void *userdata); /* of retry_later() */
};

/* One series of tries at the same thing. */
struct retry {
	struct retry_plan plan;
	int64_t delay_ms; /* before the next try, jitter apart */
	int64_t begun_ms, told_ms;
	int try_count, told_count;
	char told[ERROR_TEXT_MAX_BYTES];
	sd_event_source *timer;
};

enum retry_class retry_class_of(const struct retry_rule *rules, int code);

/* Begins a series; retry_done() ends it, at any time. The plan is copied. */
void retry_init(struct retry *retry, const struct retry_plan *plan);
void retry_done(struct retry *retry);

/*
 * After a failure (err): when to try next. 0 and the pause; the error's own code if it is
 * permanent; -ETIME if no further try fits before the deadline, the text unchanged. Tells
 * the listener of the first failure, of every other reason, and once a minute.
 */
int retry_next(struct retry *retry, const struct retry_hint *hint, int64_t *ret_delay_ms,
	       struct error *err) __attribute__((warn_unused_result));

/* retry_next(), and plan.again is called from the loop after the pause. */
int retry_later(struct retry *retry, const struct retry_hint *hint, struct error *err)
	__attribute__((warn_unused_result));

/* Tells that it went well after all, if failures were told. */
void retry_succeeded(struct retry *retry);

/*
 * The one loop: tries until it is done, permanent, or time is over; waits on the loop
 * between. 0 or what the last try said; -ETIME: time is over, with the last failure's
 * text. -ECANCELED: interrupted.
 */
int retry_run(const struct retry_plan *plan,
	      int (*attempt)(void *userdata, struct retry_hint *ret_hint,
			     struct error *err),
	      struct error *err) __attribute__((warn_unused_result));

#endif
