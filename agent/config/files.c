/* SPDX-License-Identifier: MIT */
#include "config/files.h"

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/complaints.h"
#include "config/layers.h"
#include "config/reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * From files to layers. Trouble with a file is a complaint like any other: all others are
 * read nevertheless. A link is followed inside the root: configuration management likes
 * to make them.
 */

#define FRAGMENTS_MAX 100
#define FRAGMENT_SUFFIX ".json"
#define AS_ROOT "; run this as root"

void files_names_done(struct files_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int files_list(int root_fd, const char *path, const char *suffix,
	       struct files_names *ret_names)
{
	int fd = file_open_inside(root_fd, path, O_RDONLY | O_DIRECTORY);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	*ret_names = (struct files_names){ .count = 0 };
	if (!directory) {
		int result = fd < 0 ? fd : -errno;

		memory_close_fd(&fd);
		return result;
	}
	while (ret_names->count < FILES_NAMES_MAX && (entry = readdir(directory))) {
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

void files_add_text(struct layers *layers, size_t index, const struct config_layer *text)
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

/* Opens what stands there, below the directory or anywhere with AT_FDCWD. */
static int open_at(int dir_fd, const char *path, int flags)
{
	int fd;

	if (dir_fd != AT_FDCWD)
		return file_open_inside(dir_fd, path, flags);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Complains of a link that leads nowhere. false: there is no such link. */
static bool complain_dangling(struct layers *layers, int dir_fd, const char *path,
			      const char *what)
{
	autoclose int link_fd = open_at(dir_fd, path, O_PATH | O_NOFOLLOW);
	autoclose int target_fd = open_at(dir_fd, path, O_PATH);
	char target[PATH_MAX] = "";

	if (link_fd < 0 || target_fd != -ENOENT ||
	    readlinkat(link_fd, "", target, sizeof(target) - 1) <= 0)
		return false;
	complaints_add(&layers->complaints, (struct origin){ .file = path },
		       "a link to '%.200s', which is not there: put the %s there, or "
		       "remove the link",
		       target, what);
	return true;
}

/* The same of the file or of a directory on the way to it, the nearest one first. */
static bool complain_dangling_way(struct layers *layers, int dir_fd, const char *path)
{
	autofree char *part = text_copy(path);
	const char *what = "file";
	char *slash;

	do {
		if (complain_dangling(layers, dir_fd, part, what))
			return true;
		what = "directory";
		slash = strrchr(part, '/');
		if (slash)
			*slash = '\0';
	} while (slash && slash > part);
	return false;
}

int files_add(struct layers *layers, size_t index, int dir_fd, const char *path)
{
	autoclose int fd = open_at(dir_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct config_layer layer = { .origin = path };
	autofree char *text = NULL;
	struct error err = { 0 };
	int result = fd;

	if (result == -ENOENT)
		return complain_dangling_way(layers, dir_fd, path) ? 0 : result;
	if (result < 0) {
		complaints_add(&layers->complaints, (struct origin){ .file = path },
			       "cannot be opened: %s%s", strerror(-result),
			       result == -EACCES ? AS_ROOT : "");
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
		files_add_text(layers, index, &layer);
	}
	return 0;
}

void files_add_fragments(struct layers *layers, int root_fd)
{
	struct files_names names;
	int result = files_list(root_fd, CONFIG_DIRECTORY, FRAGMENT_SUFFIX, &names);

	if (result == -ENOENT)
		(void)complain_dangling(layers, root_fd, CONFIG_DIRECTORY, "directory");
	else if (result < 0)
		complaints_add(&layers->complaints,
			       (struct origin){ .file = CONFIG_DIRECTORY },
			       "cannot be read: %s%s", strerror(-result),
			       result == -EACCES ? AS_ROOT : "");
	if (names.count > FRAGMENTS_MAX)
		complaints_add(&layers->complaints,
			       (struct origin){ .file = CONFIG_DIRECTORY },
			       "more than %d files: put them together", FRAGMENTS_MAX);
	for (size_t i = 0; i < names.count && i < FRAGMENTS_MAX; i++) {
		autofree char *path = text_format(CONFIG_DIRECTORY "/%s", names.items[i]);

		/* Gone since the directory was read: as if it had never been there. */
		(void)files_add(layers, layers->count, root_fd, path);
	}
	files_names_done(&names);
}
