/* SPDX-License-Identifier: MIT */
#include "tree/outprune.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "tree/depot.h"
#include "tree/layout.h"
#include "tree/outlinks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Which outputs go. Whether a release needs them is asked of its links, not of a record
 * that could be lost: each release is looked at where each entry's note says its outputs
 * are, and at the places of all others for an entry whose note cannot be read. A link
 * that cannot be looked at counts as one that leads here.
 */

#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define MS_PER_S INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)

struct entry {
	char *name;
	struct json_object *note; /* NULL: it has none that can be read */
	int64_t size_bytes;
	int64_t used_at_ms;
	bool is_linked;
};

struct entries {
	struct entry *items;
	size_t count;
	int64_t size_bytes;
};

static void entries_done(struct entries *entries)
{
	for (size_t i = 0; i < entries->count; i++) {
		free(entries->items[i].name);
		(void)json_object_put(entries->items[i].note);
	}
	free(entries->items);
}

static void add_entry(struct entries *entries, int depot_fd, const char *name)
{
	autoclose int fd = openat(depot_fd, name, DIRECTORY_FLAGS);
	struct entry entry = { .name = text_copy(name) };
	struct stat status;

	if (fstatat(depot_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
		entry.used_at_ms = (int64_t)status.st_mtim.tv_sec * MS_PER_S +
			status.st_mtim.tv_nsec / NS_PER_MS;
	if (fd >= 0)
		entry.note = depot_load_note(fd);
	entry.size_bytes = json_integer(entry.note, "size_bytes", 0);
	/* The user's own word, which must not make the sum overflow. */
	if (entry.size_bytes < 0 || entry.size_bytes > INT64_MAX / 2 ||
	    __builtin_add_overflow(entries->size_bytes, entry.size_bytes,
				   &entries->size_bytes))
		entry.size_bytes = 0;
	entries->items = memory_grow(entries->items, entries->count, entries->count + 1,
				     sizeof(*entries->items));
	entries->items[entries->count++] = entry;
}

/* Calls for each name in the directory that is not ".", "..". */
static int for_each(int dir_fd, void (*call)(void *userdata, const char *name),
		    void *userdata)
{
	int fd = openat(dir_fd, ".", DIRECTORY_FLAGS);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int result;

	if (!directory) {
		result = -errno;
		memory_close_fd(&fd);
		return result;
	}
	errno = 0;
	while ((entry = readdir(directory))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			call(userdata, entry->d_name);
		errno = 0;
	}
	result = -errno;
	(void)closedir(directory);
	return result;
}

struct search {
	struct entries *entries;
	int depot_fd, releases_fd;
};

static void on_depot(void *userdata, const char *name)
{
	struct search *search = userdata;

	if (depot_is_entry(name))
		add_entry(search->entries, search->depot_fd, name);
}

/* Whether a release has a link to the entry at one of the paths of a note. */
static bool has_link(const struct search *search, const char *release,
		     const struct entry *entry, const struct json_object *note)
{
	struct json_object *paths = json_member(note, "outputs", json_type_array);
	size_t count = paths ? json_object_array_length(paths) : 0;

	for (size_t i = 0; i < count; i++) {
		const char *output = json_text(json_object_array_get_idx(paths, i));
		autofree char *path = text_format("%s/%s", release, output ? output : "");
		autofree char *target =
			outlinks_target(output ? output : "", entry->name);
		autoclose int fd = file_open_without_links(search->releases_fd, path,
							   O_PATH | O_NOFOLLOW);
		char found[PATH_MAX];
		ssize_t length = 0;

		if (fd < 0 && !layout_is_absent(fd))
			return true;
		if (fd >= 0)
			length = readlinkat(fd, "", found, sizeof(found) - 1);
		if (length > 0 && (size_t)length == strlen(target) &&
		    strncmp(found, target, (size_t)length) == 0)
			return true;
	}
	return false;
}

static void on_release(void *userdata, const char *release)
{
	struct search *search = userdata;
	struct entries *entries = search->entries;

	for (size_t i = 0; i < entries->count; i++) {
		struct entry *entry = &entries->items[i];

		if (entry->note)
			entry->is_linked |= has_link(search, release, entry, entry->note);
		for (size_t j = 0; !entry->note && j < entries->count; j++)
			entry->is_linked |=
				has_link(search, release, entry, entries->items[j].note);
	}
}

static int compare(const void *a, const void *b)
{
	const struct entry *left = a, *right = b;

	if (left->used_at_ms == right->used_at_ms)
		return strcmp(left->name, right->name);
	return left->used_at_ms < right->used_at_ms ? -1 : 1;
}

static int remove_some(struct entries *entries, int depot_fd,
		       const struct json_object *request, struct json_object *reply,
		       struct error *err)
{
	int64_t max_age_ms = json_integer(request, "max_age_ms", INT64_MAX);
	int64_t max_size_bytes = json_integer(request, "max_size_bytes", INT64_MAX);
	int64_t now_ms = clock_realtime_ms(), count = 0, bytes = 0;

	for (size_t i = 0; i < entries->count; i++) {
		const struct entry *entry = &entries->items[i];
		bool is_old = now_ms - entry->used_at_ms > max_age_ms;
		int result;

		if (entry->is_linked ||
		    (!is_old && entries->size_bytes - bytes <= max_size_bytes))
			continue;
		result = depot_remove(depot_fd, entry->name, err);
		if (result < 0)
			return error_wrap(err, "remove outputs of a step");
		count++;
		bytes += entry->size_bytes;
	}
	json_set_integer(reply, "removed_outputs", count);
	json_set_integer(reply, "removed_bytes", bytes);
	return 0;
}

static int search_all(struct search *search)
{
	struct entries *entries = search->entries;
	int result = for_each(search->depot_fd, on_depot, search);

	if (result < 0)
		return result;
	if (entries->count > 0)
		qsort(entries->items, entries->count, sizeof(*entries->items), compare);
	return for_each(search->releases_fd, on_release, search);
}

int outprune(const struct layout *layout, const struct json_object *request,
	     struct json_object *reply, struct error *err)
{
	__attribute__((cleanup(entries_done))) struct entries entries = { 0 };
	autoclose int depot_fd = -1;
	autoclose int releases_fd = -1;
	struct search search = { .entries = &entries };
	int result = depot_open(layout, false, &depot_fd, err);

	if (result == -ENOENT) {
		json_set_integer(reply, "removed_outputs", 0);
		return 0;
	}
	if (result == 0)
		result = layout_open_releases(layout, &releases_fd, err);
	if (result < 0)
		return result;
	depot_sweep(depot_fd, NULL);
	search.depot_fd = depot_fd;
	search.releases_fd = releases_fd;
	result = search_all(&search);
	if (result < 0)
		return error_set(err, result, "look for outputs to remove: %s",
				 strerror(-result));
	return remove_some(&entries, depot_fd, request, reply, err);
}
