/* SPDX-License-Identifier: MIT */
#include "source/renew.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "run/run.h"
#include "setup/setup_types.h"
#include "worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A mirror holds nothing that the git host does not have: a damaged one is not mended,
 * but made anew. It is kept, for why it broke may be a failing disk's first sign; one at
 * most, for it may be large. Its name is an entry of root's directory, so giving it
 * another is root's; what is inside is source.user's to remove.
 */

#define ASIDE_SUFFIX ".damaged"
#define DISCARD_IDLE_MS INT64_C(60000)
#define DISCARD_TOTAL_MS INT64_C(600000)

static char *aside_name(const struct run *run)
{
	return text_format("%s.git" ASIDE_SUFFIX, run->config->application.name);
}

static char *aside_path(const struct run *run)
{
	return text_format("%s" ASIDE_SUFFIX, run->setup->mirror);
}

static int empty(struct run *run, const char *path, struct error *err)
{
	autojson struct json_object *request = json_new_object();
	autojson struct json_object *reply = NULL;
	const struct worker_task task = {
		.helper = "bootagent-source",
		.identity = &run->setup->source,
		.home = run->setup->source_home,
		.request = request,
		.idle_timeout_ms = DISCARD_IDLE_MS,
		.deadline = deadline_in(DISCARD_TOTAL_MS),
	};

	json_set_string(request, "verb", "discard");
	json_set_string(request, "repository", path);
	return run_worker(run, &task, &reply, err);
}

static int discard_earlier(struct run *run, const char *name, struct error *err)
{
	autofree char *path = aside_path(run);
	int result, cache_fd = run->places.cache_fd;
	struct stat status;

	if (fstatat(cache_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0
				       : error_set(err, errno, "look at '%s': %s", path,
						   strerror(errno));
	if (!S_ISDIR(status.st_mode))
		return file_remove(cache_fd, name, err);
	result = empty(run, path, err);
	if (result < 0)
		return result;
	if (unlinkat(cache_fd, name, AT_REMOVEDIR) < 0)
		return error_set(err, errno, "remove '%s': %s: remove it by hand", path,
				 strerror(errno));
	return 0;
}

static int set_aside(struct run *run, struct error *err)
{
	autofree char *name = text_format("%s.git", run->config->application.name);
	autofree char *aside = aside_name(run);
	int result = discard_earlier(run, aside, err);

	return result < 0 ? result : file_move(run->places.cache_fd, name, aside, err);
}

int renew_mirror(struct run *run, struct error *err)
{
	autofree char *aside = aside_path(run);
	autofree char *line = NULL;
	autoclose int fd = -1;

	if (set_aside(run, err) < 0)
		return error_wrap(err, "set the damaged mirror '%s' aside",
				  run->setup->mirror);
	line = text_format(
		"%s: it was set aside as '%s' and is cloned anew; find out why "
		"it broke, or remove it",
		run->mirror_damage, aside);
	run_warn(run, line);
	return places_make_owned(&run->places, &run->setup->mirror_place, &fd, err);
}

int renew_explain_room(const struct run *run, struct error *err)
{
	autofree char *aside = aside_name(run);
	autofree char *path = aside_path(run);

	if (faccessat(run->places.cache_fd, aside, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return err->code;
	return error_wrap(err, "no room beside '%s', which may be removed", path);
}
