/* SPDX-License-Identifier: MIT */
#ifndef SECRETS_SECRETS_H
#define SECRETS_SECRETS_H

#include <stdbool.h>
#include <stdint.h>

struct config_texts;
struct error;
struct run;
struct secrets;

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
 * Waits until everything that the configuration names is there, for at most so long (0:
 * the run's deadline); begins what was not begun. Errors as secrets_stage(), -ETIME.
 */
int secrets_await_all(struct run *run, int64_t at_most_ms, struct error *err)
	__attribute__((warn_unused_result));

/*
 * The variables ("NAME=value") that steps are given: those read, or kept, whole; else
 * none. Borrowed until secrets_stage_done().
 */
const struct config_texts *secrets_variables(const struct run *run);

/* What the configuration names, made when it is first asked for. */
struct secrets *secrets_of(struct run *run) __attribute__((returns_nonnull));

/* Wipes and frees texts that are secrets. */
void secrets_free_texts(struct config_texts *texts);

/*
 * The value of a secret as the configuration names it; NULL: it was not asked for, or
 * text is NULL. Borrowed until secrets_stage_done().
 */
const char *secrets_value(const struct run *run, const char *text);

#endif
