/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "base/memory.h"
#include "userdata/userdata.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * User data of any bytes: what is found is a text with its end, or there is a note or an
 * error.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *json = NULL;
	const char *note = NULL;
	struct error err = { 0 };
	int result = userdata_extract((const char *)data, size, &json, &note, &err);

	if (result < 0 && (json || !*err.text))
		__builtin_trap();
	if (json && (note || strlen(json) > USERDATA_PLAIN_MAX_BYTES))
		__builtin_trap();
	return 0;
}
