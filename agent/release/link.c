/* SPDX-License-Identifier: MIT */
#include "release/link.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "release/release_types.h"
#include "release/tree.h"
#include "run/run.h"
#include "secrets/environment.h"
#include "secrets/secrets.h"
#include "secrets/secrets_types.h"

#include <string.h>

/*
 * Where secrets go. Files are written by the application's user into its own shared/;
 * variables into a file that only root reads, which systemd hands to units, and we to
 * steps.
 */

#define ENVIRONMENT_MODE 0600

bool link_is_needed(const struct run *run)
{
	return run->is_boot || !run->release->is_served;
}

static int write_environment(const struct run *run, struct error *err)
{
	const struct config_texts *variables =
		run->secrets ? &run->secrets->variables : NULL;
	char *text;
	int result;

	if (!variables || variables->count == 0)
		return file_remove(run->places.run_fd, SECRETS_ENVIRONMENT, err);
	text = environment_format(variables);
	result = file_write(run->places.run_fd, SECRETS_ENVIRONMENT, text,
			    ENVIRONMENT_MODE, FILE_VOLATILE, err);
	text_wipe(text);
	return result;
}

static struct json_object *describe_files(const struct run *run)
{
	const struct config_linked_files *files = &run->config->release.linked_files;
	struct json_object *list = json_new_array();

	for (size_t i = 0; i < files->count; i++) {
		struct json_object *item = json_new_object();
		const char *content = secrets_value(run, files->items[i].parameter);

		json_set_string(item, "path", files->items[i].path);
		if (content)
			json_set_string(item, "content", content);
		json_add(list, item);
	}
	return list;
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
	struct json_object *request = json_new_object(), *files = describe_files(run);
	struct json_object *list = json_new_array();
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

int link_stage(struct run *run, struct error *err)
{
	size_t files = run->config->release.linked_files.count;
	size_t directories = run->config->release.linked_dirs.count;
	int result = secrets_await_all(run, err);

	if (result == 0)
		result = write_environment(run, err);
	if (result == 0 && files + directories > 0)
		result = link_tree(run, err);
	run_detail(run, "%zu file%s, %zu director%s, %zu variable%s", files,
		   files == 1 ? "" : "s", directories, directories == 1 ? "y" : "ies",
		   run->secrets->variables.count,
		   run->secrets->variables.count == 1 ? "" : "s");
	return result;
}
