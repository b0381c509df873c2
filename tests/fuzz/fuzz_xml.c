/* SPDX-License-Identifier: MIT */
#include "aws/xml.h"

#include "aws/skew.h"
#include "invariants.h"

#include <errno.h>

/*
 * Replies of the query protocol, and the complaint that is made of one. The list holds
 * UTF-8 within its bounds, and every value is found under its own path.
 */

#define TEXT_MAX_BYTES 4096
#define VALUES_MAX 4096

static void check_text(const char *text)
{
	size_t left_bytes = strlen(text);

	assert(left_bytes < TEXT_MAX_BYTES);
	while (left_bytes > 0) {
		size_t length = text_character_bytes(text, left_bytes);

		assert(length > 0);
		text += length;
		left_bytes -= length;
	}
}

/* The first of a path is the one that is found. */
static void check_found(const struct xml *xml)
{
	size_t last = xml->count - 1;
	const char *path = xml->values[0].path;

	assert(xml_find(xml, path) == xml->values[0].text);
	assert(xml_find(xml, xml->values[last].path));
	assert(!xml_find(xml, "/") && !xml_find(xml, "no/such"));
}

static void check_complaint(const struct xml *xml)
{
	const char *code = xml_find(xml, "Error/Code");
	const char *message = xml_find(xml, "Error/Message");
	struct error err = { 0 };
	int result;

	if (!code)
		return;
	(void)skew_is_meant(code, message);
	result = error_set(&err, EPROTO, "%s: %s", code, message ? message : "");
	check_error(result, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	struct xml xml = { 0 }, twin = { 0 };
	struct error err = { 0 }, twin_err = { 0 };
	int result = xml_parse((const char *)data, size_bytes, &xml, &err);
	int again = xml_parse((const char *)data, size_bytes, &twin, &twin_err);

	check_same(result, &err, again, &twin_err);
	if (result < 0)
		check_error(result, &err);
	assert(xml.count == twin.count && xml.count <= VALUES_MAX);
	assert((result == 0) == (xml.count > 0));
	for (size_t i = 0; i < xml.count; i++) {
		check_text(xml.values[i].path);
		check_text(xml.values[i].text);
		assert(text_is_equal(xml.values[i].text, twin.values[i].text));
	}
	if (result == 0) {
		check_found(&xml);
		check_complaint(&xml);
	}
	xml_done(&xml);
	xml_done(&twin);
	return 0;
}
