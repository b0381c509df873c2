/* SPDX-License-Identifier: MIT */
#include "userdata/userdata.h"

#include "invariants.h"

/*
 * User data of any bytes: what is found is a text with its end, or there is a note or an
 * error, and neither of these can break out of a log's line.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	autofree char *json = NULL;
	autofree char *twin = NULL;
	autofree char *note = NULL;
	autofree char *twin_note = NULL;
	struct error err = { 0 }, twin_err = { 0 };
	int result = userdata_extract((const char *)data, size_bytes, &json, &note, &err);
	int again = userdata_extract((const char *)data, size_bytes, &twin, &twin_note,
				     &twin_err);

	check_same(result, &err, again, &twin_err);
	assert(text_is_equal(json, twin) && text_is_equal(note, twin_note));
	if (result < 0) {
		check_error(result, &err);
		assert(!json);
	}
	if (json)
		assert(!note && strlen(json) <= USERDATA_PLAIN_MAX_BYTES);
	if (note)
		check_line(note);
	return 0;
}
