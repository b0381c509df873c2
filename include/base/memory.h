/* SPDX-License-Identifier: MIT */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * Ownership in the declaration: autofree and autoclose end with their scope, TAKE hands
 * the value on. A failed allocation of ours aborts: the agent starts again from saved
 * state.
 */

static inline void memory_free_pointer(void *pointer)
{
	free(*(void **)pointer);
}

static inline void memory_close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

#define autofree __attribute__((cleanup(memory_free_pointer)))
#define autoclose __attribute__((cleanup(memory_close_fd)))

/* The pointer's value; the variable is NULL afterwards. */
#define TAKE(pointer)                           \
	({                                      \
		__auto_type taken_ = (pointer); \
		(pointer) = NULL;               \
		taken_;                         \
	})

/* The descriptor; the variable is -1 afterwards. */
#define TAKE_FD(fd)                   \
	({                            \
		int taken_fd_ = (fd); \
		(fd) = -1;            \
		taken_fd_;            \
	})

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Zeroed memory for count elements; aborts when there is none. The caller frees it. */
void *memory_new(size_t count, size_t size_bytes) __attribute__((returns_nonnull));

/* Grows an array of elements, new ones zeroed; aborts when there is none. */
void *memory_grow(void *array, size_t old_count, size_t new_count, size_t size_bytes)
	__attribute__((returns_nonnull, warn_unused_result));

#endif
