/* SPDX-License-Identifier: MIT */
#include "state/releases.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Which releases are complete and which are proven is the supervisor's knowledge and
 * root's file; the application's user can change its tree, not this. A release that is
 * not listed, or listed as being made, does not exist for a run. The file is small: it is
 * read once a run and written whole.
 */

#define RELEASES_FILE "releases.json"
#define RELEASES_MAX_BYTES (1024 * 1024)

static const char *const state_words[] = {
	[RELEASE_MAKING] = "making",
	[RELEASE_PREPARED] = "prepared",
	[RELEASE_ADOPTED] = "adopted",
	[RELEASE_GOOD] = "good",
};

const char *release_state_word(enum release_state state)
{
	return state_words[state];
}

static int read_state(const char *word, enum release_state *ret_state)
{
	for (size_t i = 0; i < ARRAY_COUNT(state_words); i++)
		if (text_is_equal(word, state_words[i])) {
			*ret_state = (enum release_state)i;
			return 0;
		}
	return -EINVAL;
}

static int read_record(struct releases *releases, const struct json_object *item)
{
	const char *name = json_string(item, "release"),
		   *revision = json_string(item, "revision");
	struct release_record *record;
	enum release_state state;

	if (!text_is_name(name) || !text_is_revision(revision))
		return -EINVAL;
	if (read_state(json_string(item, "state"), &state) < 0)
		return -EINVAL;
	record = releases_add(releases, name, revision);
	release_record_set(record, state, json_string(item, "instance_id"),
			   json_string(item, "boot_id"));
	record->is_left = json_boolean(item, "left");
	return 0;
}

static int read_list(struct releases *releases, const struct json_object *document)
{
	const struct json_object *list =
		json_member(document, "releases", json_type_array);
	size_t count = list ? json_object_array_length(list) : 0;

	if (!list)
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		int result = read_record(releases, json_object_array_get_idx(list, i));

		if (result < 0)
			return result;
	}
	return 0;
}

int releases_load(int state_fd, struct releases *ret_releases, struct error *err)
{
	autojson struct json_object *document = NULL;
	struct releases releases = { .is_loaded = true };
	struct error problem;
	int result = json_load(state_fd, RELEASES_FILE, RELEASES_MAX_BYTES, &document,
			       &problem);

	if (result == -ENOENT) {
		*ret_releases = releases;
		return 0;
	}
	if (result < 0 && result != -EINVAL) {
		*err = problem;
		return result;
	}
	if (result == 0)
		result = read_list(&releases, document);
	if (result == 0)
		failures_read(&releases.failures, document);
	if (result < 0) {
		releases_done(&releases);
		return error_set(
			err, EBADMSG,
			"var/lib/bootagent/" RELEASES_FILE
			" is damaged: move it away, and the next run knows of the "
			"current release only");
	}
	*ret_releases = releases;
	return 0;
}

static struct json_object *write_record(const struct release_record *record)
{
	struct json_object *item = json_new_object();

	json_set_string(item, "release", record->name);
	json_set_string(item, "revision", record->revision);
	json_set_string(item, "state", state_words[record->state]);
	json_set_string(item, "instance_id", record->instance_id);
	json_set_string(item, "boot_id", record->boot_id);
	if (record->is_left)
		json_set_boolean(item, "left", true);
	return item;
}

int releases_save(int state_fd, const struct releases *releases, struct error *err)
{
	autojson struct json_object *document = json_new_object();
	struct json_object *list = json_new_array();
	autofree char *text = NULL;

	json_set_integer(document, "schema", 1);
	json_set(document, "releases", list);
	for (size_t i = 0; i < releases->count; i++)
		if (json_object_array_add(list, write_record(&releases->items[i])) < 0)
			abort();
	failures_write(&releases->failures, document);
	text = text_format("%s\n", json_line(document));
	return file_write(state_fd, RELEASES_FILE, text, 0644, FILE_DURABLE, err);
}

static void clear_record(struct release_record *record)
{
	free(record->name);
	free(record->revision);
	free(record->instance_id);
	free(record->boot_id);
}

void releases_done(struct releases *releases)
{
	for (size_t i = 0; i < releases->count; i++)
		clear_record(&releases->items[i]);
	free(releases->items);
	failures_done(&releases->failures);
	*releases = (struct releases){ 0 };
}

struct release_record *releases_find(const struct releases *releases, const char *name)
{
	for (size_t i = 0; i < releases->count; i++)
		if (text_is_equal(releases->items[i].name, name))
			return &releases->items[i];
	return NULL;
}

struct release_record *releases_add(struct releases *releases, const char *name,
				    const char *revision)
{
	struct release_record added = { .name = text_copy(name),
					.revision = text_copy(revision) };
	struct release_record *record;

	releases_remove(releases, name);
	releases->items = memory_grow(releases->items, releases->count,
				      releases->count + 1, sizeof(*releases->items));
	record = &releases->items[releases->count++];
	*record = added;
	return record;
}

struct release_record *releases_move_last(struct releases *releases, const char *name)
{
	struct release_record *record = releases_find(releases, name);
	struct release_record *end = releases->items + releases->count - 1;
	struct release_record moved;

	if (!record || record == end)
		return record;
	moved = *record;
	memmove(record, record + 1, (size_t)(end - record) * sizeof(*record));
	*end = moved;
	return end;
}

void releases_remove(struct releases *releases, const char *name)
{
	struct release_record *record = releases_find(releases, name);
	size_t index;

	if (!record)
		return;
	index = (size_t)(record - releases->items);
	clear_record(record);
	memmove(record, record + 1, (releases->count - index - 1) * sizeof(*record));
	releases->count--;
}

void release_record_set(struct release_record *record, enum release_state state,
			const char *instance_id, const char *boot_id)
{
	char *instance_copy = text_copy(instance_id), *boot_copy = text_copy(boot_id);

	free(record->instance_id);
	free(record->boot_id);
	record->state = state;
	record->instance_id = instance_copy;
	record->boot_id = boot_copy;
}

struct release_record *releases_last_good(const struct releases *releases,
					  const char *except)
{
	for (size_t i = releases->count; i > 0; i--) {
		struct release_record *record = &releases->items[i - 1];

		if (record->state >= RELEASE_ADOPTED &&
		    !text_is_equal(record->name, except))
			return record;
	}
	return NULL;
}

struct release_record *releases_find_revision(const struct releases *releases,
					      const char *revision)
{
	for (size_t i = releases->count; i > 0; i--) {
		struct release_record *record = &releases->items[i - 1];

		if (record->state != RELEASE_MAKING &&
		    text_is_equal(record->revision, revision))
			return record;
	}
	return NULL;
}
