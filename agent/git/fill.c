/* SPDX-License-Identifier: MIT */
#include "git/fill.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/wire.h"
#include "git/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * From a tree to directories with files in them, one open directory a level. As in git's
 * archives, a directory is made when the first leaf below it turns up, be that one to be
 * ignored or not: an empty tree leaves nothing.
 */

/* Deeper ones cost descriptors that the release itself may need. */
#define PREVIOUS_DEPTH_MAX 256

struct fill_level {
	const char *name; /* borrowed from the tree above */
	int fd;           /* -1: not made yet */
	int previous_fd;  /* the same of the previous release; -1: it has none */
};

static void close_level(struct fill_level *level)
{
	memory_close_fd(&level->fd);
	memory_close_fd(&level->previous_fd);
}

void fill_done(struct fill *fill)
{
	while (fill->depth > 0)
		close_level(&fill->levels[--fill->depth]);
	free(fill->levels);
	notices_done(&fill->writer.notices);
	reuse_done(&fill->writer.reuse);
}

static void push_level(struct fill *fill, struct fill_level level)
{
	if (fill->depth == fill->capacity) {
		size_t capacity = fill->capacity * 2 + 16;

		fill->levels = memory_grow(fill->levels, fill->capacity, capacity,
					   sizeof(*fill->levels));
		fill->capacity = capacity;
	}
	fill->levels[fill->depth++] = level;
}

static int enter(void *userdata, const char *name,
		 struct error *err __attribute__((unused)))
{
	struct fill *fill = userdata;
	int above_fd = fill->levels[fill->depth - 1].previous_fd, previous_fd = -1;

	if (above_fd >= 0 && fill->depth < PREVIOUS_DEPTH_MAX)
		previous_fd = openat(above_fd, name,
				     O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	push_level(fill, (struct fill_level){ name, -1, previous_fd });
	return 0;
}

static void leave(void *userdata)
{
	struct fill *fill = userdata;

	close_level(&fill->levels[--fill->depth]);
}

static int make_directory(struct fill *fill, const struct fill_level *above,
			  struct fill_level *level, struct error *err)
{
	if (mkdirat(above->fd, level->name, 0755) < 0)
		return error_set(err, errno, "make the directory '%s': %s", level->name,
				 strerror(errno));
	level->fd = openat(above->fd, level->name,
			   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (level->fd < 0)
		return error_set(err, errno, "open the directory '%s': %s", level->name,
				 strerror(errno));
	fill->directories_count++;
	return 0;
}

static int make_directories(struct fill *fill, struct error *err)
{
	size_t made = fill->depth;
	int result = 0;

	while (fill->levels[made - 1].fd < 0)
		made--;
	for (; result == 0 && made < fill->depth; made++)
		result = make_directory(fill, &fill->levels[made - 1],
					&fill->levels[made], err);
	return result;
}

static int tell_progress(struct fill *fill, struct error *err)
{
	struct json_object *line;

	if (!pace_is_due(&fill->pace))
		return 0;
	line = json_new_object();
	json_set_integer(line, "files", fill->writer.files_count);
	json_set_integer(line, "bytes", fill->writer.bytes);
	json_set_integer(line, "total_files", fill->space.files_count);
	json_set_integer(line, "total_bytes", fill->space.bytes);
	if (wire_send_progress(line) < 0)
		return error_set(err, EPIPE, "whoever asked for the export is gone");
	return 0;
}

static int put_leaf(void *userdata, const struct walk_leaf *leaf, struct error *err)
{
	struct fill *fill = userdata;
	int result = make_directories(fill, err);
	const struct fill_level *level = &fill->levels[fill->depth - 1];
	const struct reuse_place place = { level->previous_fd, level->fd };

	if (result == 0 && !leaf->is_ignored)
		result = writer_write(&fill->writer, place, leaf, err);
	return result == 0 ? tell_progress(fill, err) : result;
}

int fill_directory(struct fill *fill, git_repository *repository, const git_oid *tree_id,
		   int dir_fd, struct error *err)
{
	const struct walk_visitor visitor = { enter, leave, put_leaf, fill };
	int fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0), previous_fd = -1;

	if (fd < 0)
		return error_set(err, errno, "open the directory again: %s",
				 strerror(errno));
	if (fill->writer.reuse.previous_fd >= 0)
		previous_fd = fcntl(fill->writer.reuse.previous_fd, F_DUPFD_CLOEXEC, 0);
	push_level(fill, (struct fill_level){ "", fd, previous_fd });
	return walk_tree(repository, tree_id, &visitor, err);
}
