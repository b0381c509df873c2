/* SPDX-License-Identifier: MIT */
#include "ready/answer.h"

#include "invariants.h"

#include <string.h>

/* What an application answers to a probe, quoted in one line; 'h' first: as a page. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	autofree char *text = input_copy(data, size_bytes);
	bool is_html = *text == 'h';
	char *line = answer_quote(text, is_html);

	assert(strlen(line) <= ANSWER_QUOTE_MAX_BYTES);
	check_line(line);
	return 0;
}
