/* SPDX-License-Identifier: MIT */
#include "aws/skew.h"

#include "base/clock.h"
#include "invariants.h"

/*
 * Points in time as others write them: the Date of a reply, from which it is told how far
 * off the clock is, and RFC 3339 in documents. The latter has one way to be written.
 */

static void check_skew(const char *date)
{
	char text[SKEW_TEXT_BYTES] = "";
	struct skew skew = { 0 };

	skew_note(&skew, date);
	assert(skew.pause_ms > 0 && skew.ask_again_ms > 0);
	(void)skew_is_over(&skew);
	skew_format(&skew, text);
	assert(*text && strlen(text) < sizeof(text) - 1);
	assert(strstr(text, " AWS's") && !strchr(text, '-'));
	check_line(text);
}

static void check_utc(const char *text)
{
	int64_t at_ms = clock_parse_utc(text);
	char written[CLOCK_TEXT_BYTES];

	if (at_ms == 0)
		return;
	clock_format_utc(at_ms, written);
	assert(strlen(text) == strlen("2026-11-24T05:57:28Z"));
	assert(strncmp(written, text, strlen(text) - 1) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	autofree char *text = input_copy(data, size_bytes);

	check_skew(text);
	check_utc(text);
	return 0;
}
