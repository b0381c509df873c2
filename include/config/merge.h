/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_MERGE_H
#define CONFIG_MERGE_H

struct complaints;
struct json_object;

/*
 * Puts a layer (borrowed) on top of what is merged so far and returns the new whole; the
 * caller puts it. `merged` NULL: there is nothing yet. Objects merge, lists with an
 * identity merge by it, all else is replaced, and null takes away what lower layers set.
 * Remarks and nulls are gone afterwards. Values keep their origins. A target of "before",
 * "after" or "remove" that is not there is complained of.
 */
struct json_object *merge_layer(struct json_object *merged, struct json_object *layer,
				struct complaints *complaints)
	__attribute__((returns_nonnull));

#endif
