/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_INVARIANTS_H
#define FUZZ_INVARIANTS_H

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

/* Here an assertion may have an effect: it always counts. */
#undef NDEBUG
#include <assert.h>
#include <stdint.h>
#include <string.h>

/* libFuzzer's door into a target, once for all of them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

/* The input with a NUL behind it, in a block of just that size. The caller frees it. */
static inline char *input_copy(const uint8_t *data, size_t size_bytes)
{
	char *text = memory_new(size_bytes + 1, 1);

	if (size_bytes > 0)
		memcpy(text, data, size_bytes);
	return text;
}

/* One line of a log: UTF-8 without control characters. */
static inline void check_line(const char *text)
{
	autofree char *printable = text_copy(text);

	text_make_printable(printable);
	assert(strcmp(printable, text) == 0);
}

/* What failed with `result` has its code, and a sentence that fits one line. */
static inline void check_error(int result, const struct error *err)
{
	assert(result < 0 && err->code == result && *err->text);
	check_line(err->text);
}

/* What is read twice is the same twice, the complaint too. */
static inline void check_same(int result, const struct error *err, int again,
			      const struct error *again_err)
{
	assert(result == again);
	assert(result == 0 || strcmp(err->text, again_err->text) == 0);
}

#endif
