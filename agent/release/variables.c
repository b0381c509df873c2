/* SPDX-License-Identifier: MIT */
#include "release/variables.h"

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "release/release_types.h"
#include "run/run.h"
#include "secrets/environment.h"
#include "secrets/fetch.h"
#include "secrets/secrets.h"
#include "secrets/secrets_types.h"

#include <errno.h>

/*
 * The variables go with the release: until it is current, the units of the one before are
 * not to find the new ones. The file says in its first line which configuration it is of,
 * so that nothing is started with another's.
 */

#define ENVIRONMENT_FILE "environment"
#define ENVIRONMENT_MODE 0600
/* Two bytes a character of 256 values of 8 KiB, and their names. */
#define ENVIRONMENT_MAX_BYTES (8 * 1024 * 1024)
#define GOING_BACK_WAIT_MS INT64_C(30000)

bool variables_are_needed(const struct run *run)
{
	return run->is_boot || run->is_taking_back || !run->release->is_served ||
		!run->config->application.environment_parameters;
}

static int read_file(const struct run *run, char **ret_text)
{
	struct error ignored;

	return file_read(run->places.run_fd, ENVIRONMENT_FILE, ENVIRONMENT_MAX_BYTES,
			 ret_text, NULL, &ignored);
}

static int write_file(const struct run *run, const char *text, struct error *err)
{
	if (!text)
		return file_remove(run->places.run_fd, ENVIRONMENT_FILE, err);
	return file_write(run->places.run_fd, ENVIRONMENT_FILE, text, ENVIRONMENT_MODE,
			  FILE_VOLATILE, err);
}

/* The file as it was before this run is kept for taking back. */
static int write_variables(struct run *run, struct error *err)
{
	struct secrets *secrets = run->secrets;
	char *text = environment_format(&secrets->variables, secrets->group);
	int result;

	if (!secrets->is_written) {
		text_wipe(TAKE(secrets->file_before));
		(void)read_file(run, &secrets->file_before);
	}
	result = write_file(run, text, err);
	text_wipe(text);
	secrets->is_written |= result == 0;
	run_detail(run, "%zu of '%s'", secrets->variables.count, secrets->group);
	return result;
}

/*
 * Takes the variables from the file; false: there are none that fit. What is taken back
 * to has what it had, though the configuration may name others by now.
 */
static bool keep_variables(struct run *run)
{
	struct secrets *secrets = run->secrets;
	const char *group = run->is_taking_back ? NULL : secrets->group;
	struct config_texts kept = { 0 };
	struct error err = { 0 };
	char *text = NULL;

	if (read_file(run, &text) < 0)
		return false;
	if (environment_parse(text, group, &kept, &err) == 0) {
		secrets_begin_group(secrets);
		secrets->variables = kept;
		secrets->is_group_kept = true;
		run_detail(run, "%zu, as they were", kept.count);
	} else {
		log_write(&run->log, LOG_WARNING, "%s: run/bootagent/%s: %s", run->verb,
			  ENVIRONMENT_FILE, err.text);
		secrets_free_texts(&kept);
	}
	text_wipe(text);
	return secrets->is_group_kept;
}

static int go_on_without(struct run *run, const struct error *reason, struct error *err)
{
	secrets_begin_group(run->secrets);
	log_write(&run->log, LOG_WARNING,
		  "%s: release %s goes on without the variables of '%s' "
		  "(application.environment_parameters): %s",
		  run->verb, run->release->name, run->secrets->group, reason->text);
	run_detail(run, "none: they could not be read");
	return write_file(run, NULL, err);
}

static int go_back(struct run *run, struct error *err)
{
	struct secrets *secrets = run->secrets;
	struct error reason = { 0 };
	int result = 0;

	if (keep_variables(run))
		return 0;
	if (!secrets->is_group_known)
		result = secrets_await_all(run, GOING_BACK_WAIT_MS, &reason);
	if (result == -ECANCELED) {
		*err = reason;
		return result;
	}
	return secrets->is_group_known ? write_variables(run, err)
				       : go_on_without(run, &reason, err);
}

int variables_stage(struct run *run, struct error *err)
{
	struct secrets *secrets = secrets_of(run);
	int result = 0;

	if (run->is_taking_back && secrets->is_written) {
		result = write_file(run, secrets->file_before, err);
		secrets->is_written = false;
	}
	if (result < 0)
		return result;
	if (!secrets->group) {
		run_detail(run, "none are configured");
		return write_file(run, NULL, err);
	}
	if (secrets->is_group_known && !run->is_taking_back)
		return write_variables(run, err);
	return go_back(run, err);
}
