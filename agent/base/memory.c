/* SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include <string.h>

/*
 * Allocation that cannot fail: an agent that has no memory for its own few kilobytes can
 * do nothing useful, and every state it needs is on disk. A library's own out-of-memory
 * stays an ordinary error of that library.
 */

void *memory_new(size_t count, size_t size_bytes)
{
	void *memory = calloc(count ? count : 1, size_bytes ? size_bytes : 1);

	if (!memory)
		abort();
	return memory;
}

void *memory_grow(void *array, size_t old_count, size_t new_count, size_t size_bytes)
{
	char *memory = reallocarray(array, new_count ? new_count : 1, size_bytes);

	if (!memory)
		abort();
	if (new_count > old_count)
		memset(memory + old_count * size_bytes, 0,
		       (new_count - old_count) * size_bytes);
	return memory;
}
