/* SPDX-License-Identifier: MIT */
#include "config/layers.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/near.h"
#include "base/text.h"
#include "config/check.h"
#include "config/effective.h"
#include "config/keys.h"
#include "config/merge.h"
#include "config/reader.h"
#include "config/rules.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

/*
 * From files to the effective configuration. Every layer is read and checked by itself,
 * so that a complaint has the place of the mistake; only what holds for all of them
 * together (a required key) is looked at afterwards. A link is followed inside the root:
 * configuration management likes to make them.
 */

#define FRAGMENTS_MAX 100
#define FRAGMENT_SUFFIX ".json"
#define NAMES_MAX (FRAGMENTS_MAX + 1)

/* A directory's entries, sorted; ends with NULL. */
struct names {
	char *items[NAMES_MAX + 1];
	size_t count;
};

static void names_done(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Reads up to NAMES_MAX entries with the suffix, but no hidden ones. */
static int read_names(int root_fd, const char *path, const char *suffix,
		      struct names *ret_names)
{
	int fd = file_open_inside(root_fd, path, O_RDONLY | O_DIRECTORY);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	*ret_names = (struct names){ .count = 0 };
	if (!directory) {
		int result = fd < 0 ? fd : -errno;

		memory_close_fd(&fd);
		return result;
	}
	while (ret_names->count < NAMES_MAX && (entry = readdir(directory))) {
		size_t length = strlen(entry->d_name), end = strlen(suffix);

		if (entry->d_name[0] == '.' || length <= end ||
		    strcmp(entry->d_name + length - end, suffix) != 0)
			continue;
		ret_names->items[ret_names->count++] = text_copy(entry->d_name);
	}
	(void)closedir(directory);
	qsort(ret_names->items, ret_names->count, sizeof(ret_names->items[0]),
	      compare_names);
	return 0;
}

/* Adds a layer at the index and reads its text; what is wrong is complained of. */
static void add_text(struct layers *layers, size_t index, const struct config_layer *text)
{
	struct layer added = { text_copy(text->origin), NULL };
	struct error err = { 0 };

	layers->items = memory_grow(layers->items, layers->count, layers->count + 1,
				    sizeof(layers->items[0]));
	memmove(&layers->items[index + 1], &layers->items[index],
		(layers->count - index) * sizeof(layers->items[0]));
	layers->count++;
	if (reader_parse(text->text, text->length_bytes, added.name, &added.document,
			 &err) < 0)
		complaints_add_line(&layers->complaints, err.text);
	layers->items[index] = added;
}

/* -ENOENT: there is no such file. Any other trouble with it is complained of. */
static int add_file(struct layers *layers, size_t index, int dir_fd, const char *path)
{
	const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	autoclose int fd = dir_fd == AT_FDCWD ? open(path, flags)
					      : file_open_inside(dir_fd, path, flags);
	struct config_layer layer = { .origin = path };
	autofree char *text = NULL;
	struct error err = { 0 };
	int result = fd == -1 && dir_fd == AT_FDCWD ? -errno : fd;

	if (result == -ENOENT)
		return result;
	if (result < 0) {
		complaints_add(&layers->complaints, (struct origin){ .file = path },
			       "cannot be opened: %s", strerror(-result));
		return 0;
	}
	result = file_read_open(fd, path, READER_MAX_BYTES, &text, &layer.length_bytes,
				&err);
	if (result == -EFBIG) {
		complaints_add(&layers->complaints, (struct origin){ .file = path },
			       "larger than %d KiB: is it the right file?",
			       READER_MAX_BYTES / 1024);
	} else if (result < 0) {
		complaints_add(&layers->complaints, (struct origin){ .file = path }, "%s",
			       err.text);
	} else {
		layer.text = text;
		add_text(layers, index, &layer);
	}
	return 0;
}

static void add_fragments(struct layers *layers, int root_fd)
{
	struct names names;
	int result = read_names(root_fd, CONFIG_DIRECTORY, FRAGMENT_SUFFIX, &names);

	if (result < 0 && result != -ENOENT)
		complaints_add(&layers->complaints,
			       (struct origin){ .file = CONFIG_DIRECTORY },
			       "cannot be read: %s", strerror(-result));
	if (names.count > FRAGMENTS_MAX)
		complaints_add(&layers->complaints,
			       (struct origin){ .file = CONFIG_DIRECTORY },
			       "more than %d files: put them together", FRAGMENTS_MAX);
	for (size_t i = 0; i < names.count && i < FRAGMENTS_MAX; i++) {
		autofree char *path = text_format(CONFIG_DIRECTORY "/%s", names.items[i]);

		/* Gone since the directory was read: as if it had never been there. */
		(void)add_file(layers, layers->count, root_fd, path);
	}
	names_done(&names);
}

/* The preset's name as the highest layer sets it; NULL: none does, or null. */
static struct json_object *find_preset(const struct layers *layers)
{
	struct json_object *name = NULL;

	for (size_t i = layers->count; i > 0; i--)
		if (layers->items[i - 1].document &&
		    json_object_object_get_ex(layers->items[i - 1].document, "preset",
					      &name))
			return name;
	return NULL;
}

static void complain_preset(struct layers *layers, int root_fd, struct json_object *name)
{
	struct names names;
	int result = read_names(root_fd, CONFIG_PRESETS, "", &names);
	const char *near = near_of(json_text(name), (const char *const *)names.items);
	const char *advice = result == 0 && names.count
		? "correct the name, or remove the key"
		: "none is installed, remove the key";

	complaints_add(&layers->complaints, origin_of(name),
		       "'preset': there is no '%s' in " CONFIG_PRESETS ": %s%s%s",
		       json_text(name), near ? "did you mean '" : "",
		       near ? near : advice, near ? "'?" : "");
	names_done(&names);
}

/* Puts the preset that was asked for below all other layers. */
static void add_preset(struct layers *layers, int root_fd)
{
	struct json_object *name = find_preset(layers), *second;
	autofree char *path = NULL;
	size_t count = layers->count;

	/* No name at all is complained of when its layer is checked. */
	if (!text_is_name(json_text(name)))
		return;
	path = text_format(CONFIG_PRESETS "/%s/config.json", json_text(name));
	if (add_file(layers, 0, root_fd, path) < 0) {
		complain_preset(layers, root_fd, name);
		return;
	}
	if (layers->count == count)
		return;
	second = key_value(layers->items[0].document, "preset");
	if (second)
		complaints_add(&layers->complaints, origin_of(second),
			       "'preset': a preset cannot begin with another one: "
			       "remove the key");
}

/* Checks and merges what was read. What no layer sets is missing in the main file. */
static void amount(struct layers *layers, const char *file)
{
	struct json_object *merged = NULL;
	struct origin origin = { .file = file };
	bool is_whole = layers->complaints.count == 0, is_main_seen = false;

	for (size_t i = 0; i < layers->count; i++) {
		struct json_object *document = layers->items[i].document, *next;

		if (!document)
			continue;
		check_layer(document, &layers->complaints);
		next = merge_layer(merged, document, &layers->complaints);
		json_put_pointer(&merged);
		merged = next;
		if (!is_main_seen)
			origin = origin_of(document);
		is_main_seen |= strcmp(layers->items[i].name, file) == 0;
	}
	if (!merged)
		merged = json_new_object();
	origin_mark(merged, origin);
	layers->is_configured = json_object_object_get_ex(merged, "application", NULL) ||
		json_object_object_get_ex(merged, "source", NULL);
	/* What seems to be missing may stand in a layer that cannot be read. */
	if (is_whole && layers->is_configured) {
		check_required(merged, &layers->complaints);
		rules_check(merged, &layers->complaints);
	}
	layers->merged = merged;
	if (layers->complaints.count == 0)
		layers->effective = effective_new(merged);
}

int layers_load(struct layers *ret_layers, const struct layers_request *request,
		struct error *err)
{
	const char *file = request->file ? request->file : CONFIG_FILE;
	int dir_fd = request->is_plain_path ? AT_FDCWD : request->root_fd;
	struct layers *layers = ret_layers;
	int result;

	*layers = (struct layers){ .count = 0 };
	if (request->file && !request->is_plain_path && request->file[0] != '/')
		return error_set(err, EINVAL,
				 "--config '%s': give an absolute path inside the root",
				 request->file);
	result = add_file(layers, 0, dir_fd, file);
	if (result == -ENOENT && request->file)
		return error_set(err, ENOENT, "there is no file '%s'", file);
	if (!request->file)
		add_fragments(layers, request->root_fd);
	if (request->user_data)
		add_text(layers, layers->count, request->user_data);
	add_preset(layers, request->root_fd);
	amount(layers, file);
	return layers->complaints.count ? complaints_error(&layers->complaints, err) : 0;
}

void layers_done(struct layers *layers)
{
	json_put_pointer(&layers->effective);
	json_put_pointer(&layers->merged);
	for (size_t i = 0; i < layers->count; i++) {
		json_put_pointer(&layers->items[i].document);
		free(layers->items[i].name);
	}
	free(layers->items);
	complaints_done(&layers->complaints);
	*layers = (struct layers){ .count = 0 };
}

static char *describe_files(const struct layers *layers)
{
	size_t first = 0;

	/* The preset is named in the file that people know. */
	if (layers->count > 1 &&
	    strncmp(layers->items[0].name, CONFIG_PRESETS, strlen(CONFIG_PRESETS)) == 0)
		first = 1;
	if (layers->count == 1)
		return text_copy(layers->items[0].name);
	return text_format("%s and %zu more", layers->items[first].name,
			   layers->count - 1);
}

char *layers_describe(const struct layers *layers)
{
	autofree char *files = layers->count ? describe_files(layers) : NULL;

	if (layers->is_configured)
		return TAKE(files);
	if (!files)
		return text_copy("not configured: there is no " CONFIG_FILE);
	return text_format("not configured: neither application nor source is set in %s",
			   files);
}
