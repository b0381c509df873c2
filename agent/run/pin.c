/* SPDX-License-Identifier: MIT */
#include "run/pin.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/identity.h"
#include "base/text.h"
#include "metadata/metadata.h"
#include "run/options.h"
#include "run/run.h"
#include "run/status.h"

#include <errno.h>
#include <string.h>

/*
 * The pin as a run sees it: on the disk, in struct run and in the status at once. It is
 * set as soon as it is known what it means, before anything is made or moved: a run that
 * is killed later is then gone on with, not undone.
 */

/* Then it does not matter that the one before cannot be read. */
static bool is_replacing(const struct run *run)
{
	return run->options->ref || run->options->has_unpin ||
		strcmp(run->verb, "rollback") == 0;
}

int run_load_pin(struct run *run, struct error *err)
{
	struct error problem;
	int result;

	pin_done(&run->pin);
	result = pin_load(run->places.state_fd, run->metadata->instance_id, &run->pin,
			  &problem);
	if (result == -EBADMSG && is_replacing(run))
		result = 0;
	if (result < 0)
		*err = problem;
	status_set_pinned(run);
	return result;
}

int run_set_pin(struct run *run, const char *revision, const char *ref, struct error *err)
{
	struct pin pin = {
		.revision = text_copy(revision),
		.ref = text_copy(ref),
		.by = identity_person(),
		.instance_id = text_copy(run->metadata->instance_id),
		.at_ms = clock_realtime_ms(),
	};
	int result = pin_save(run->places.state_fd, &pin, err);

	if (result < 0) {
		pin_done(&pin);
		return result;
	}
	pin_done(&run->pin);
	run->pin = pin;
	status_set_pinned(run);
	return 0;
}

int run_remove_pin(struct run *run, struct error *err)
{
	int result = pin_remove(run->places.state_fd, err);

	if (result < 0)
		return result;
	pin_done(&run->pin);
	status_set_pinned(run);
	return 0;
}
