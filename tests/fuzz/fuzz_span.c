/* SPDX-License-Identifier: MIT */
#include "config/span.h"

#include "invariants.h"

#include <errno.h>

/* Time spans: one that is taken is not negative, and as we write it it is the same. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	autofree char *text = input_copy(data, size_bytes);
	autofree char *written = NULL;
	int64_t span_ms = -1, again_ms = -1;
	int result = span_parse(text, &span_ms);

	if (result < 0) {
		assert((result == -EINVAL || result == -ERANGE) && span_ms == -1);
		return 0;
	}
	assert(span_ms >= 0);
	check_line(text);
	written = span_format(span_ms);
	result = span_parse(written, &again_ms);
	assert(result == 0 && again_ms == span_ms);
	return 0;
}
