/* SPDX-License-Identifier: MIT */
#include "release/link.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/wire.h"
#include "config/config.h"
#include "release/release_types.h"
#include "release/tree.h"
#include "run/run.h"
#include "secrets/secrets.h"
#include "secrets/secrets_types.h"

#include <errno.h>

/*
 * Where the application's secrets go: its own user writes them into shared/, and links
 * what is shared into the release.
 */

#define GOING_BACK_WAIT_MS INT64_C(30000)
/* Paths and directories have the other half. */
#define CONTENTS_MAX_BYTES (WIRE_REQUEST_MAX_BYTES / 2)
#define ESCAPE_MAX_BYTES 6 /* \uXXXX */

static bool has_secret_file(const struct config *config)
{
	for (size_t i = 0; i < config->release.linked_files.count; i++)
		if (config->release.linked_files.items[i].parameter)
			return true;
	return false;
}

/* A boot goes back to the image's release, too, whose secrets are the image's. */
bool link_is_needed(const struct run *run)
{
	if (run->is_taking_back)
		return run->is_boot && has_secret_file(run->config) &&
			!(run->secrets && run->secrets->is_linked);
	return run->is_boot || !run->release->is_served;
}

/* The most that a text takes in JSON. */
static size_t escaped_bytes(const char *text)
{
	size_t bytes = 0;

	for (; *text; text++)
		bytes += (unsigned char)*text < ' ' || *text == '"' || *text == '\\'
			? ESCAPE_MAX_BYTES
			: 1;
	return bytes;
}

static void add_file(struct json_object *list, const char *path, const char *content)
{
	struct json_object *item = json_new_object();

	json_set_string(item, "path", path);
	if (content)
		json_set_string(item, "content", content);
	json_add(list, item);
}

/*
 * As many linked files as one request holds, from *position on. They are gone through
 * twice, those without a content first: one that is missing in shared/ is told before
 * anything is written.
 */
static struct json_object *next_files(const struct run *run, size_t *position)
{
	const struct config_linked_files *files = &run->config->release.linked_files;
	struct json_object *list = json_new_array();
	size_t bytes = 0;

	for (; *position < 2 * files->count; ++*position) {
		const struct config_linked_file *file =
			&files->items[*position % files->count];
		const char *content = secrets_value(run, file->parameter);

		if ((content != NULL) != (*position >= files->count))
			continue;
		bytes += content ? escaped_bytes(content) : 0;
		if (bytes > CONTENTS_MAX_BYTES && json_object_array_length(list) > 0)
			break;
		add_file(list, file->path, content);
	}
	return list;
}

static int link_some(struct run *run, struct json_object *files,
		     const struct config_texts *directories, struct error *err)
{
	struct json_object *request = json_new_object(), *list = json_new_array();
	autojson struct json_object *kept = json_object_get(request);
	int result;

	for (size_t i = 0; i < directories->count; i++)
		json_add_string(list, directories->items[i]);
	json_set_string(request, "release", run->release->name);
	json_set_string(request, "revision", run->release->revision);
	json_set(request, "linked_files", files);
	json_set(request, "linked_dirs", list);
	result = tree_perform(run, "link", request, NULL, err);
	json_wipe(files);
	return result;
}

static int link_tree(struct run *run, struct error *err)
{
	/*
	 * A release that is there already may have a directory of its own at a place that
	 * was configured later: it keeps it.
	 */
	const struct config_texts none = { 0 };
	const struct config_texts *directories =
		run->release->is_fresh ? &run->config->release.linked_dirs : &none;
	size_t end = 2 * run->config->release.linked_files.count;
	size_t position = 0;
	int result = link_some(run, next_files(run, &position), directories, err);

	while (result == 0 && position < end)
		result = link_some(run, next_files(run, &position), &none, err);
	return result;
}

static int link_all(struct run *run, struct error *err)
{
	size_t files = run->config->release.linked_files.count;
	size_t directories = run->config->release.linked_dirs.count;
	int result =
		secrets_await_all(run, run->is_taking_back ? GOING_BACK_WAIT_MS : 0, err);

	if (result == 0 && files + directories > 0)
		result = link_tree(run, err);
	run->secrets->is_linked = result == 0;
	run_detail(run, "%zu file%s, %zu director%s", files, files == 1 ? "" : "s",
		   directories, directories == 1 ? "y" : "ies");
	return result;
}

int link_stage(struct run *run, struct error *err)
{
	int result = link_all(run, err);

	if (result == 0 || result == -ECANCELED || !run->is_taking_back)
		return result;
	log_write(&run->log, LOG_WARNING,
		  "%s: release %s goes on with the linked files that are there: %s",
		  run->verb, run->release->name, err->text);
	run_detail(run, "as they are: they could not be read");
	*err = (struct error){ 0 };
	return 0;
}
