/* SPDX-License-Identifier: MIT */
#include "tree/tree.h"

#include "base/erase.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "tree/layout.h"
#include "tree/links.h"
#include "tree/place.h"
#include "tree/request.h"
#include "tree/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Capistrano's linked_files and linked_dirs. First all of shared/, so that a file that is
 * missing there is told before the release is touched and no link ever dangles; then the
 * release's links, which replace what the commit has at their names. Asked for again, it
 * does only what is not right: a run on a release that serves writes nothing.
 */

/* A directory that is in the link's way: it goes for a linked directory only. */
static int clear_directory(const struct place *place, const struct link *link,
			   struct error *err)
{
	struct stat status;

	if (fstatat(place->fd, place->name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISDIR(status.st_mode))
		return 0;
	if (link->is_directory)
		return erase(place->fd, place->name, err);
	return error_set(err, EISDIR,
			 "'%s' is a directory in the release and a file in linked_files: "
			 "list it in linked_dirs, or take it out of the commit",
			 link->path);
}

static int put_link(int release_fd, const struct link *link, bool *ret_is_changed,
		    struct error *err)
{
	autofree char *below = text_format("shared/%s", link->path);
	autofree char *target = place_target(link->path, below);
	autoplace struct place place = PLACE_CLOSED;
	int result = place_open(release_fd, "the release", link->path, FILE_DURABLE,
				&place, err);

	if (result < 0)
		return result;
	file_sweep(place.fd);
	*ret_is_changed = !place_is_link(&place, target);
	if (!*ret_is_changed)
		return 0;
	result = clear_directory(&place, link, err);
	if (result == 0)
		result = file_link(place.fd, place.name, target, FILE_DURABLE, err);
	return result;
}

static int provide_all(const struct layout *layout, const struct links *links,
		       struct json_object *written, struct error *err)
{
	for (size_t i = 0; i < links->count; i++) {
		bool is_written = false;
		int result = shared_provide(layout, &links->items[i], &is_written, err);

		if (result < 0)
			return result;
		if (is_written)
			(void)json_object_array_add(written,
						    json_object_new_string(
							    links->items[i].path));
	}
	return 0;
}

static int link_all(int release_fd, const struct links *links, int64_t *ret_count,
		    struct error *err)
{
	int64_t count = 0;

	for (size_t i = 0; i < links->count; i++) {
		bool is_changed = false;
		int result = put_link(release_fd, &links->items[i], &is_changed, err);

		if (result < 0)
			return result;
		count += is_changed;
	}
	*ret_count = count;
	return 0;
}

static int perform(const struct layout *layout, int release_fd, const struct links *links,
		   struct json_object *reply, struct error *err)
{
	struct json_object *written = json_new_array();
	int64_t count = 0;
	int result;

	json_set(reply, "written", written);
	result = provide_all(layout, links, written, err);
	if (result == 0)
		result = link_all(release_fd, links, &count, err);
	json_set_integer(reply, "linked", count);
	return result;
}

int tree_link(const struct json_object *request, struct json_object **ret_result,
	      struct error *err)
{
	autojson struct json_object *reply = json_new_object();
	autolayout struct layout layout = LAYOUT_CLOSED;
	autolinks struct links links = { 0 };
	autoclose int release_fd = -1;
	const char *release = NULL;
	const char *revision = NULL;
	bool is_finished;
	int result = links_read(request, &links, err);

	if (result == 0)
		result = request_open_release(request, &layout, &release, &revision, err);
	if (result == 0)
		result = layout_open_revision(&layout, release, revision, &release_fd,
					      &is_finished, err);
	if (result < 0)
		return result;
	result = perform(&layout, release_fd, &links, reply, err);
	if (result < 0)
		return error_wrap(err, "link into the release '%s'", release);
	*ret_result = TAKE(reply);
	return 0;
}
