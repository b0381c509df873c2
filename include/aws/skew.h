/* SPDX-License-Identifier: MIT */
#ifndef AWS_SKEW_H
#define AWS_SKEW_H

#include <stdbool.h>
#include <stdint.h>

struct retry_listener;

/* How far this machine's clock is from AWS's, once AWS has refused a signature for it. */
struct skew {
	int64_t aws_ahead_of_monotonic_ms; /* from the reply's Date */
	int64_t ask_again_ms;              /* monotonic: not sooner, while it is off */
	int64_t pause_ms;
	bool is_known, is_told;
};

#define SKEW_TEXT_BYTES 48

/* Whether this error of AWS means that the signature's time is wrong (facts A1). */
bool skew_is_meant(const char *code, const char *message);

/* Notes the Date of a reply that just came, and when to ask again; NULL: none came. */
void skew_note(struct skew *skew, const char *date);

/* Whether the wall clock has been set meanwhile, or it is time to see for oneself. */
bool skew_is_over(const struct skew *skew);

/* "7 min 12 s behind AWS's". */
void skew_format(const struct skew *skew, char ret_text[static SKEW_TEXT_BYTES]);

/* One line when the wait begins, one when it ends well; none in between. */
void skew_tell(struct skew *skew, const struct retry_listener *listener, bool is_over);

#endif
