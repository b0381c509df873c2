/* SPDX-License-Identifier: MIT */
#ifndef SECRETS_SECRETS_H
#define SECRETS_SECRETS_H

#include <stdbool.h>

/* In run/bootagent: the variables, for units and steps; 0600. */
#define SECRETS_ENVIRONMENT "environment"

struct config_texts;
struct error;
struct run;

/* Whether git needs one, or this is a boot and anything else does. */
bool secrets_are_needed(const struct run *run);

/*
 * SECRETS: begins to read what the configuration names in Parameter Store and Secrets
 * Manager. A boot asks for everything at once, a sync for what git needs: most find
 * nothing new and need no more. Waits only for git's; the rest comes in beside the fetch.
 * -ENOENT: there is no such parameter or secret; -EACCES: the role may not read it; else
 * what aws_call_json() says.
 */
int secrets_stage(struct run *run, struct error *err) __attribute__((warn_unused_result));
void secrets_stage_done(struct run *run);

/*
 * Waits until everything that the configuration names is there; begins what was not
 * begun. Errors as secrets_stage().
 */
int secrets_await_all(struct run *run, struct error *err)
	__attribute__((warn_unused_result));

/*
 * The environment's variables ("NAME=value"): those that this run read, else those that
 * an earlier run of this boot left for the units, so that a release that is gone back to
 * has them, too. None of them is no error. Borrowed until secrets_stage_done().
 */
int secrets_variables(struct run *run, const struct config_texts **ret_variables,
		      struct error *err) __attribute__((warn_unused_result));

/*
 * The value of a secret as the configuration names it; NULL: it was not asked for, or
 * text is NULL. Borrowed until secrets_stage_done().
 */
const char *secrets_value(const struct run *run, const char *text);

#endif
