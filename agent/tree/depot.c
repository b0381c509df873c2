/* SPDX-License-Identifier: MIT */
#include "tree/depot.h"

#include "base/clock.h"
#include "base/erase.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "tree/layout.h"
#include "tree/place.h"
#include "tree/usage.h"
#include "tree/wanted.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The outputs of steps, each under its key, so that any number of releases link to one.
 * A name is given in one step to what is whole and on the disk, and taken in one step
 * from what is to go: whatever a kill leaves has a temporary name, which the next run
 * sweeps. The note beside the outputs says which paths there must be; its name can be no
 * output's. What is here belongs to the application's user, who may spoil it: then it is
 * made anew.
 */

#define NOTE ".bootagent"
#define NOTE_MAX_BYTES 262144
#define NOTE_MODE 0644
#define NOTE_SCHEMA 1
#define DIRECTORY_MODE 0755
#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define KEY_DIGITS 64

static int open_or_make(int dir_fd, const char *name, bool is_made, int *ret_fd,
			struct error *err)
{
	int result = 0;

	if (is_made) {
		result = file_make_directory(dir_fd, name, DIRECTORY_MODE, ret_fd, err);
	} else {
		*ret_fd = openat(dir_fd, name, DIRECTORY_FLAGS);
		if (*ret_fd < 0)
			result = error_set(err, errno, "open the directory '%s': %s",
					   name, strerror(errno));
	}
	if (result == -ENOTDIR || result == -ELOOP)
		return error_set(err, result,
				 "'%s' on the way to '" DEPOT_PATH
				 "' is not a directory itself: move it away",
				 name);
	return result;
}

int depot_open(const struct layout *layout, bool is_made, int *ret_fd, struct error *err)
{
	autoclose int shared_fd = -1;
	autoclose int ours_fd = -1;
	int result = open_or_make(layout->fd, "shared", is_made, &shared_fd, err);

	if (result == 0)
		result = open_or_make(shared_fd, ".bootagent", is_made, &ours_fd, err);
	if (result == 0)
		result = open_or_make(ours_fd, "outputs", is_made, ret_fd, err);
	return result < 0 ? error_wrap(err, "in '%s'", layout->path) : 0;
}

static size_t key_digits(const char *text)
{
	return strspn(text, "0123456789abcdef");
}

bool depot_is_key(const char *text)
{
	return key_digits(text) == KEY_DIGITS && text[KEY_DIGITS] == '\0';
}

bool depot_is_entry(const char *name)
{
	return key_digits(name) == KEY_DIGITS &&
		(name[KEY_DIGITS] == '\0' || name[KEY_DIGITS] == '-');
}

struct json_object *depot_load_note(int entry_fd)
{
	struct json_object *note = NULL;
	struct error ignored;

	if (json_load(entry_fd, NOTE, NOTE_MAX_BYTES, &note, &ignored) < 0)
		return NULL;
	if (json_integer(note, "schema", 0) == NOTE_SCHEMA &&
	    json_member(note, "outputs", json_type_array))
		return note;
	json_put_pointer(&note);
	return NULL;
}

static bool has_directory(int entry_fd, const char *path)
{
	autoclose int fd = file_open_without_links(entry_fd, path, O_PATH | O_DIRECTORY);

	return fd >= 0;
}

static bool has_outputs(int entry_fd, const struct wanted *wanted)
{
	for (size_t i = 0; i < wanted_count(wanted); i++)
		if (!has_directory(entry_fd, wanted_output(wanted, i)))
			return false;
	return true;
}

int depot_look(int depot_fd, const char *name, const struct wanted *wanted,
	       bool *ret_is_whole, struct error *err)
{
	autoclose int fd = openat(depot_fd, name, DIRECTORY_FLAGS);
	autojson struct json_object *note = NULL;

	*ret_is_whole = false;
	if (fd < 0 && (layout_is_absent(-errno) || errno == EACCES))
		return 0;
	if (fd < 0)
		return error_set(err, errno, "open the outputs '%s': %s", name,
				 strerror(errno));
	note = depot_load_note(fd);
	*ret_is_whole = note && has_outputs(fd, wanted);
	return 0;
}

int depot_prepare(int depot_fd, const char *name, const struct wanted *wanted,
		  struct error *err)
{
	for (size_t i = 0; i < wanted_count(wanted); i++) {
		autofree char *path =
			text_format("%s/%s", name, wanted_output(wanted, i));
		autoplace struct place place = PLACE_CLOSED;
		int result = place_open(depot_fd, DEPOT_PATH, path, FILE_VOLATILE, &place,
					err);

		if (result < 0)
			return result;
		if (mkdirat(place.fd, place.name, DIRECTORY_MODE) < 0 && errno != EEXIST)
			return error_set(err, errno,
					 "make the directory '%s' in '%s': %s", path,
					 DEPOT_PATH, strerror(errno));
	}
	return 0;
}

static struct json_object *new_note(const struct wanted *wanted, int64_t size_bytes)
{
	struct json_object *note = json_new_object();
	char created[CLOCK_TEXT_BYTES];

	clock_format_utc(clock_realtime_ms(), created);
	json_set_integer(note, "schema", NOTE_SCHEMA);
	json_set_string(note, "step", wanted->step);
	json_set_string(note, "revision", wanted->revision);
	json_set_string(note, "created_at", created);
	json_set_integer(note, "size_bytes", size_bytes);
	json_set(note, "command", json_object_get(wanted->command));
	json_set(note, "inputs", json_object_get(wanted->inputs));
	json_set(note, "outputs", json_object_get(wanted->outputs));
	return note;
}

int depot_note(int depot_fd, const char *name, const struct wanted *wanted,
	       int64_t *ret_size_bytes, struct error *err)
{
	autoclose int fd = openat(depot_fd, name, DIRECTORY_FLAGS);
	autojson struct json_object *note = NULL;
	int result;

	if (fd < 0)
		return error_set(err, errno, "open what the step made, '%s': %s", name,
				 strerror(errno));
	*ret_size_bytes = usage_bytes(fd);
	note = new_note(wanted, *ret_size_bytes);
	result = file_write(fd, NOTE, json_line(note), NOTE_MODE, FILE_VOLATILE, err);
	if (result == 0 && syncfs(fd) < 0)
		result = error_set(err, errno, "write the step's outputs to the disk: %s",
				   strerror(errno));
	return result;
}

static char *name_to_go(const char *name)
{
	return text_format(DEPOT_TEMPORARY "gone.%s", name);
}

int depot_remove(int depot_fd, const char *name, struct error *err)
{
	autofree char *gone = name_to_go(name);
	int result;

	if (strncmp(name, DEPOT_TEMPORARY, strlen(DEPOT_TEMPORARY)) == 0)
		return erase(depot_fd, name, err);
	/* Another one that was to go, and could not be removed whole. */
	result = erase(depot_fd, gone, err);
	if (result == 0)
		result = file_move(depot_fd, name, gone, err);
	return result == 0 ? erase(depot_fd, gone, err) : result;
}

int depot_move(int depot_fd, const char *name, const char *new_name,
	       const struct wanted *wanted, struct error *err)
{
	autofree char *gone = name_to_go(new_name);
	bool is_whole = false;
	struct stat status;
	int result = depot_look(depot_fd, new_name, wanted, &is_whole, err);

	if (result == 0 && is_whole) {
		result = erase(depot_fd, name, err);
		return result < 0 ? result : 1;
	}
	/* Releases may link to it: it goes only now that there is another. */
	if (result == 0 &&
	    fstatat(depot_fd, new_name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
		result = erase(depot_fd, gone, err);
		if (result == 0)
			result = file_move(depot_fd, new_name, gone, err);
	}
	if (result == 0)
		result = file_move(depot_fd, name, new_name, err);
	if (result == 0)
		result = erase(depot_fd, gone, err);
	return result;
}

void depot_sweep(int depot_fd, const char *run)
{
	autofree char *own = text_format(DEPOT_TEMPORARY "%s.", run ? run : "");
	int fd = openat(depot_fd, ".", DIRECTORY_FLAGS);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	struct error ignored;

	if (!directory) {
		memory_close_fd(&fd);
		return;
	}
	while ((entry = readdir(directory))) {
		const char *name = entry->d_name;

		if (strncmp(name, DEPOT_TEMPORARY, strlen(DEPOT_TEMPORARY)) != 0 ||
		    (run && strncmp(name, own, strlen(own)) == 0))
			continue;
		if (erase(depot_fd, name, &ignored) < 0)
			continue;
	}
	(void)closedir(directory);
}
