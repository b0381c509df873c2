/* SPDX-License-Identifier: MIT */
#include "metadata/metadata.h"

#include "base/clock.h"
#include "invariants.h"
#include "metadata/target.h"
#include "metadata/token.h"

/*
 * What the metadata service says, and its stand-in: identity document, target state and
 * session token on the same bytes. What is taken may stand in a path, a URL, a header and
 * the status as it is.
 */

typedef int reader(const char *text, struct metadata **ret_metadata, struct error *err);

static void check_metadata(const struct metadata *metadata)
{
	const char *const names[] = { metadata->instance_id, metadata->instance_type,
				      metadata->image_id, metadata->availability_zone,
				      metadata->region };

	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		assert(text_is_name(names[i]));
	assert(!metadata->pending_time || clock_parse_utc(metadata->pending_time) != 0);
	assert(!metadata->domain || text_is_name(metadata->domain));
}

static void check_equal(const struct metadata *a, const struct metadata *b)
{
	assert(text_is_equal(a->instance_id, b->instance_id));
	assert(text_is_equal(a->instance_type, b->instance_type));
	assert(text_is_equal(a->image_id, b->image_id));
	assert(text_is_equal(a->availability_zone, b->availability_zone));
	assert(text_is_equal(a->region, b->region));
	assert(text_is_equal(a->pending_time, b->pending_time));
	assert(text_is_equal(a->domain, b->domain));
}

static void check_reader(reader *read, const char *text)
{
	struct metadata *metadata = NULL, *twin = NULL;
	struct error err = { 0 }, twin_err = { 0 };
	int result = read(text, &metadata, &err);

	check_same(result, &err, read(text, &twin, &twin_err), &twin_err);
	if (result == 0) {
		check_metadata(metadata);
		check_equal(metadata, twin);
	} else {
		check_error(result, &err);
		assert(!metadata);
	}
	metadata_free(metadata);
	metadata_free(twin);
}

static void check_target(const char *text)
{
	autofree char *state = NULL;
	autofree char *twin = NULL;
	struct error err = { 0 };
	int result = target_parse(text, &state, &err);

	if (result < 0) {
		check_error(result, &err);
		assert(!state);
		return;
	}
	assert(text_is_printable(state) && strlen(state) <= NAME_MAX_BYTES);
	assert(target_parse(state, &twin, &err) == 0 && text_is_equal(state, twin));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	autofree char *text = input_copy(data, size_bytes);

	if (token_is_usable(text, size_bytes))
		assert(size_bytes > 0 && size_bytes <= TOKEN_MAX_BYTES &&
		       text_is_printable(text));
	check_reader(metadata_parse_document, text);
	check_reader(metadata_parse, text);
	check_target(text);
	return 0;
}
