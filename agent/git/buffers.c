/* SPDX-License-Identifier: MIT */
#include "git/buffers.h"

#include "base/memory.h"

#include <fcntl.h>
#include <git2.h>
#include <git2/sys/alloc.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * libgit2 unpacks a blob in one piece, a packed one together with all it is a delta of:
 * several times the size of the largest file in the repository, more than a small
 * instance has to spare beside a running application. So its large buffers are files
 * without a name: the kernel may write them out when it needs the memory, and forgets
 * them when they are closed. Where that is not possible (no room, or a file system that
 * has no such files), memory is memory.
 *
 * An allocator knows no userdata, so this is the one place with a state of its own.
 */

#define REGIONS_MAX 32

struct region {
	void *start;
	size_t size_bytes;
};

static struct {
	int dir_fd;
	struct region regions[REGIONS_MAX];
	size_t count;
} buffers = { .dir_fd = -1 };

static struct region *find_region(const void *start)
{
	for (size_t i = 0; start && i < buffers.count; i++)
		if (buffers.regions[i].start == start)
			return &buffers.regions[i];
	return NULL;
}

/* All blocks are there before the first byte is written: a full disk is no SIGBUS. */
static void *map_file(size_t size_bytes)
{
	autoclose int fd =
		openat(buffers.dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	void *start;

	if (fd < 0 || buffers.count == REGIONS_MAX ||
	    fallocate(fd, 0, 0, (off_t)size_bytes) < 0)
		return NULL;
	start = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (start == MAP_FAILED)
		return NULL;
	buffers.regions[buffers.count++] = (struct region){ start, size_bytes };
	return start;
}

static void *buffer_allocate(size_t size_bytes, const char *file, int line)
{
	void *start = size_bytes >= BUFFERS_LARGE_BYTES ? map_file(size_bytes) : NULL;

	(void)file;
	(void)line;
	return start ? start : malloc(size_bytes);
}

static void buffer_free(void *start)
{
	struct region *region = find_region(start);

	if (!region) {
		free(start);
		return;
	}
	(void)munmap(region->start, region->size_bytes);
	*region = buffers.regions[--buffers.count];
}

static void *buffer_resize(void *start, size_t size_bytes, const char *file, int line)
{
	const struct region *region = find_region(start);
	size_t old_bytes = region ? region->size_bytes : malloc_usable_size(start);
	void *resized;

	if (!region && size_bytes < BUFFERS_LARGE_BYTES)
		return realloc(start, size_bytes);
	resized = buffer_allocate(size_bytes, file, line);
	if (!resized)
		return NULL;
	if (start)
		memcpy(resized, start, old_bytes < size_bytes ? old_bytes : size_bytes);
	buffer_free(start);
	return resized;
}

#if LIBGIT2_VER_MAJOR == 1 && LIBGIT2_VER_MINOR < 7
/* What later versions make of the three above themselves. */

static void *allocate_zeroed(size_t count, size_t size_bytes, const char *file, int line)
{
	size_t total_bytes;
	void *start;

	if (__builtin_mul_overflow(count, size_bytes, &total_bytes))
		return NULL;
	start = buffer_allocate(total_bytes, file, line);
	return start ? memset(start, 0, total_bytes) : NULL;
}

static char *copy_bytes(const char *text, size_t length_bytes, const char *file, int line)
{
	char *copy = buffer_allocate(length_bytes + 1, file, line);

	if (!copy)
		return NULL;
	memcpy(copy, text, length_bytes);
	copy[length_bytes] = '\0';
	return copy;
}

static char *copy_text(const char *text, const char *file, int line)
{
	return copy_bytes(text, strlen(text), file, line);
}

static char *copy_some(const char *text, size_t max_bytes, const char *file, int line)
{
	return copy_bytes(text, strnlen(text, max_bytes), file, line);
}

static void *allocate_array(size_t count, size_t size_bytes, const char *file, int line)
{
	size_t total_bytes;

	if (__builtin_mul_overflow(count, size_bytes, &total_bytes))
		return NULL;
	return buffer_allocate(total_bytes, file, line);
}

static void *resize_array(void *start, size_t count, size_t size_bytes, const char *file,
			  int line)
{
	size_t total_bytes;

	if (__builtin_mul_overflow(count, size_bytes, &total_bytes))
		return NULL;
	return buffer_resize(start, total_bytes, file, line);
}
#endif

void buffers_use_directory(int dir_fd)
{
	git_allocator allocator = {
		.gmalloc = buffer_allocate,
		.grealloc = buffer_resize,
		.gfree = buffer_free,
#if LIBGIT2_VER_MAJOR == 1 && LIBGIT2_VER_MINOR < 7
		.gcalloc = allocate_zeroed,
		.gstrdup = copy_text,
		.gstrndup = copy_some,
		.gsubstrdup = copy_bytes,
		.greallocarray = resize_array,
		.gmallocarray = allocate_array,
#endif
	};

	buffers.dir_fd = dir_fd;
	/* It only fails for want of memory, and then nothing has changed. */
	(void)git_libgit2_opts(GIT_OPT_SET_ALLOCATOR, &allocator);
}
