/* SPDX-License-Identifier: MIT */
#include "tree/outlinks.h"

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "tree/depot.h"
#include "tree/place.h"
#include "tree/wanted.h"

#include <errno.h>
#include <fcntl.h>

/*
 * The links at a step's outputs, by which it writes into the depot. The step owns its
 * release and may have put something else in a link's place; what is not exactly our link
 * is never touched. What is made in a release is synced with all of it, before that is
 * recorded as prepared.
 */

char *outlinks_target(const char *path, const char *name)
{
	autofree char *below = text_format(DEPOT_PATH "/%s/%s", name, path);

	return place_target(path, below);
}

int outlinks_check_free(const struct outlinks *links, struct error *err)
{
	for (size_t i = 0; i < wanted_count(links->wanted); i++) {
		const char *output = wanted_output(links->wanted, i);
		autoclose int fd =
			file_open_beneath(links->release_fd, output, O_PATH | O_NOFOLLOW);

		if (fd >= 0)
			return error_set(
				err, EEXIST,
				"the output '%s' is in the release already: it is in the "
				"commit, or an earlier step made it; leave it out there, "
				"or out of 'outputs'",
				output);
	}
	return 0;
}

static int make_link(const struct outlinks *links, const char *output, const char *name,
		     struct error *err)
{
	autofree char *target = outlinks_target(output, name);
	autoplace struct place place = PLACE_CLOSED;
	int result = place_open(links->release_fd, "the release", output, FILE_VOLATILE,
				&place, err);

	return result < 0 ? result
			  : file_link(place.fd, place.name, target, FILE_VOLATILE, err);
}

int outlinks_make(const struct outlinks *links, const char *name, struct error *err)
{
	int result = 0;

	for (size_t i = 0; result == 0 && i < wanted_count(links->wanted); i++)
		result = make_link(links, wanted_output(links->wanted, i), name, err);
	return result;
}

/* Opens where an output stands, if our link is there, and what it leads to. */
static bool open_own(const struct outlinks *links, const char *output, const char *name,
		     struct place *ret_place)
{
	autofree char *target = outlinks_target(output, name);
	autofree char *below = text_format("%s/%s", name, output);
	autoplace struct place place = PLACE_CLOSED;
	struct error ignored;
	autoclose int fd = -1;

	if (place_open(links->release_fd, "the release", output, FILE_VOLATILE, &place,
		       &ignored) < 0 ||
	    !place_is_link(&place, target))
		return false;
	fd = file_open_without_links(links->depot_fd, below, O_PATH | O_DIRECTORY);
	if (fd < 0)
		return false;
	*ret_place = (struct place){ TAKE_FD(place.fd), place.name };
	return true;
}

size_t outlinks_count(const struct outlinks *links, const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < wanted_count(links->wanted); i++) {
		autoplace struct place place = PLACE_CLOSED;

		count += open_own(links, wanted_output(links->wanted, i), name, &place);
	}
	return count;
}

int outlinks_move(const struct outlinks *links, const char *name, const char *new_name,
		  struct error *err)
{
	int result = 0;

	for (size_t i = 0; result == 0 && i < wanted_count(links->wanted); i++) {
		const char *output = wanted_output(links->wanted, i);
		autofree char *before = outlinks_target(output, name);
		autofree char *target = outlinks_target(output, new_name);
		autoplace struct place place = PLACE_CLOSED;

		result = place_open(links->release_fd, "the release", output,
				    FILE_VOLATILE, &place, err);
		if (result == 0 && place_is_link(&place, before))
			result = file_link(place.fd, place.name, target, FILE_VOLATILE,
					   err);
	}
	return result;
}

int outlinks_remove(const struct outlinks *links, const char *name, struct error *err)
{
	int result = 0;

	for (size_t i = 0; result == 0 && i < wanted_count(links->wanted); i++) {
		const char *output = wanted_output(links->wanted, i);
		autofree char *target = outlinks_target(output, name);
		autoplace struct place place = PLACE_CLOSED;

		result = place_open(links->release_fd, "the release", output,
				    FILE_VOLATILE, &place, err);
		if (result == 0 && place_is_link(&place, target))
			result = file_remove(place.fd, place.name, err);
	}
	return result;
}
