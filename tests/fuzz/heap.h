/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_HEAP_H
#define FUZZ_HEAP_H

#include "base/text.h"
#include "invariants.h"

#include <sanitizer/allocator_interface.h>
#include <stdbool.h>

/*
 * Whether secrets are wiped: while one is guarded, no block that holds it may be given
 * back to the heap. For one target each; the sanitizer tells of every free().
 */

#define HEAP_SECRET_MIN_BYTES 8

static const char *heap_guarded;

static inline void heap_on_free(const volatile void *block)
{
	if (heap_guarded && block)
		assert(!memmem((const void *)block, __sanitizer_get_allocated_size(block),
			       heap_guarded, strlen(heap_guarded)));
}

static inline void heap_on_malloc(const volatile void *block, size_t size_bytes)
{
	(void)block;
	(void)size_bytes;
}

/*
 * The text if the input holds it once and escapes nothing: then nothing else in it is the
 * same by chance. NULL: it does not, or it is too short to tell. The caller frees it.
 */
static inline char *heap_secret(const char *input, const char *text)
{
	const char *place;

	if (!text || strlen(text) < HEAP_SECRET_MIN_BYTES || strchr(input, '\\'))
		return NULL;
	place = strstr(input, text);
	return place && !strstr(place + 1, text) ? text_copy(text) : NULL;
}

/* Guards the text, which is borrowed, from now on; NULL: nothing. */
static inline void heap_guard(const char *secret)
{
	static bool is_watching;

	if (!is_watching)
		is_watching = __sanitizer_install_malloc_and_free_hooks(heap_on_malloc,
									heap_on_free);
	assert(is_watching);
	heap_guarded = secret;
}

#endif
