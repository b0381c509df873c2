/* SPDX-License-Identifier: MIT */
#include "tree/inputs.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "tree/depot.h"
#include "tree/digest.h"
#include "tree/layout.h"

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
 * What a step reads, as its application's user sees it. Nothing but contents, names and
 * the executable bit counts: an export gives the same commit other inodes and times each
 * time. A link may lead to what releases share; what is outside deploy_to is not read,
 * and a directory behind a link only where no link led to that link, so that no circle
 * is gone through. A link to another step's output has that one's key in its text.
 */

#define DEPTH_MAX 100
#define ENTRIES_MAX 1000000
#define CHUNK_BYTES 65536
#define NODE_FLAGS (O_PATH | O_NOFOLLOW | O_CLOEXEC)

struct walk {
	const struct layout *layout;
	struct digest *digest;
	int64_t entry_count;
};

/* One thing in the tree, held open without being read. */
struct node {
	int fd;
	const char *path; /* below deploy_to */
	int depth;
	bool is_followed; /* a link is among what led here */
};

static int add_node(struct walk *walk, const struct node *node, struct error *err);

static int say(const struct node *node, const char *what, int code, struct error *err)
{
	return error_set(err, code,
			 "%s the input '%s': %s: the application's user must be able to",
			 what, node->path, strerror(code));
}

/* What is read is what was looked at, whatever stands at the name by now. */
static int open_node(const struct node *node, int flags)
{
	autofree char *path = text_format("/proc/self/fd/%d", node->fd);

	return open(path, flags | O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* Not to its end: somebody may write as fast as we read. */
static int read_content(int fd, off_t size_bytes, struct digest *content)
{
	autofree char *chunk = memory_new(CHUNK_BYTES, 1);

	while (size_bytes > 0) {
		size_t wanted = size_bytes < CHUNK_BYTES ? (size_t)size_bytes
							 : (size_t)CHUNK_BYTES;
		ssize_t got = read(fd, chunk, wanted);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return 0;
		digest_part(content, chunk, (size_t)got);
		size_bytes -= got;
	}
	return 0;
}

static int add_file(struct walk *walk, const struct node *node, const struct stat *status,
		    struct error *err)
{
	uint8_t bytes[SHA256_DIGEST_SIZE];
	autoclose int fd = open_node(node, 0);
	struct digest content;
	int result;

	if (fd < 0)
		return say(node, "open", errno, err);
	digest_begin(&content);
	result = read_content(fd, status->st_size, &content);
	if (result < 0)
		return say(node, "read", -result, err);
	digest_end(&content, bytes);
	digest_text(walk->digest, "file");
	digest_number(walk->digest, (status->st_mode & S_IXUSR) != 0);
	digest_bytes(walk->digest, bytes, sizeof(bytes));
	return 0;
}

struct names {
	char **items;
	size_t count;
};

static void names_done(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
}

static void add_name(struct names *names, const char *name)
{
	size_t count = names->count;

	/* Full at every power of two: twice the room. */
	if ((count & (count - 1)) == 0)
		names->items = memory_grow(names->items, count, count ? count * 2 : 1,
					   sizeof(*names->items));
	names->items[names->count++] = text_copy(name);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(int fd, struct names *names)
{
	int own_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *directory = own_fd < 0 ? NULL : fdopendir(own_fd);
	const struct dirent *entry;
	int result = 0;

	if (!directory) {
		result = -errno;
		memory_close_fd(&own_fd);
		return result;
	}
	for (;;) {
		errno = 0;
		entry = readdir(directory);
		if (!entry)
			break;
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    names->count < ENTRIES_MAX)
			add_name(names, entry->d_name);
	}
	result = -errno;
	(void)closedir(directory);
	if (names->count > 0)
		qsort(names->items, names->count, sizeof(*names->items), compare);
	return result;
}

static int add_entry(struct walk *walk, const struct node *above, int dir_fd,
		     const char *name, struct error *err)
{
	autofree char *path = text_format("%s/%s", above->path, name);
	autoclose int fd = openat(dir_fd, name, NODE_FLAGS);
	const struct node node = { fd, path, above->depth + 1, above->is_followed };

	if (fd < 0)
		return say(&node, "open", errno, err);
	digest_text(walk->digest, name);
	return add_node(walk, &node, err);
}

static int add_directory(struct walk *walk, const struct node *node, struct error *err)
{
	__attribute__((cleanup(names_done))) struct names names = { 0 };
	autoclose int fd = open_node(node, O_DIRECTORY);
	int result;

	if (fd < 0)
		return say(node, "open", errno, err);
	if (node->depth >= DEPTH_MAX)
		return error_set(err, ELOOP,
				 "the input '%s' has more than %d directories in each "
				 "other: name what the step reads",
				 node->path, DEPTH_MAX);
	result = read_names(fd, &names);
	if (result < 0)
		return say(node, "read", -result, err);
	digest_text(walk->digest, "directory");
	digest_number(walk->digest, (int64_t)names.count);
	for (size_t i = 0; result == 0 && i < names.count; i++)
		result = add_entry(walk, node, fd, names.items[i], err);
	return result;
}

/* What a link leads to, as far as that is below deploy_to. */
static int follow(struct walk *walk, const struct node *node, struct error *err)
{
	autoclose int fd = file_open_beneath(walk->layout->fd, node->path, O_PATH);
	const struct node behind = { fd, node->path, node->depth + 1, true };
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0 ||
	    (S_ISDIR(status.st_mode) && node->is_followed)) {
		digest_text(walk->digest, "beyond");
		return 0;
	}
	return add_node(walk, &behind, err);
}

static int add_link(struct walk *walk, const struct node *node, struct error *err)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(node->fd, "", target, sizeof(target) - 1);

	if (length < 0)
		return say(node, "read", errno, err);
	target[length] = '\0';
	digest_text(walk->digest, "link");
	digest_text(walk->digest, target);
	if (strstr(target, DEPOT_PATH "/")) {
		digest_text(walk->digest, "output");
		return 0;
	}
	return follow(walk, node, err);
}

static int add_node(struct walk *walk, const struct node *node, struct error *err)
{
	struct stat status;

	if (fstat(node->fd, &status) < 0)
		return say(node, "look at", errno, err);
	if (++walk->entry_count > ENTRIES_MAX)
		return error_set(err, E2BIG,
				 "the inputs have more than %d files: name what the step "
				 "reads",
				 ENTRIES_MAX);
	if (S_ISREG(status.st_mode))
		return add_file(walk, node, &status, err);
	if (S_ISDIR(status.st_mode))
		return add_directory(walk, node, err);
	if (S_ISLNK(status.st_mode))
		return add_link(walk, node, err);
	digest_text(walk->digest, "other");
	return 0;
}

static int add_input(struct walk *walk, const char *release, const char *input,
		     struct error *err)
{
	autofree char *path = text_format("releases/%s/%s", release, input);
	autoclose int fd = file_open_beneath(walk->layout->fd, path, O_PATH | O_NOFOLLOW);
	const struct node node = { fd, path, 0, false };

	if (fd == -ENOENT || fd == -ENOTDIR || fd == -EXDEV)
		return error_set(err, ENOENT,
				 "the input '%s' is not in the release: correct "
				 "'inputs', or add it to the commit",
				 input);
	if (fd < 0)
		return say(&node, "open", -fd, err);
	digest_text(walk->digest, input);
	return add_node(walk, &node, err);
}

int inputs_digest(const struct layout *layout, const char *release,
		  struct json_object *inputs, struct digest *digest, struct error *err)
{
	struct walk walk = { .layout = layout, .digest = digest };
	size_t count = json_object_array_length(inputs);
	int result = 0;

	digest_number(digest, (int64_t)count);
	for (size_t i = 0; result == 0 && i < count; i++)
		result = add_input(&walk, release,
				   json_text(json_object_array_get_idx(inputs, i)), err);
	return result;
}
