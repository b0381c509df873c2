/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_ORIGIN_H
#define CONFIG_ORIGIN_H

#include <stddef.h>

struct json_object;

/*
 * Where a value stands. Lines and columns count from 1, columns in characters (a tab is
 * one). `file` is borrowed for as long as the document lives; NULL: nowhere, the value is
 * a default. Line 0: the file as a whole.
 */
struct origin {
	const char *file;
	unsigned int line;
	unsigned int column;
};

/* Notes where a value stands; what was noted before is forgotten. */
void origin_mark(struct json_object *value, struct origin origin);

/*
 * The same for an object or list and all its entries: the keys of the object's members,
 * the list's items. Takes the array.
 */
void origin_mark_entries(struct json_object *container, struct origin origin,
			 struct origin *entries, size_t count);

/* Where the value stands; nowhere if that was never noted, or for null. */
struct origin origin_of(struct json_object *value);

/*
 * Where an entry of an object or list stands, in the document's order: a key, an item.
 * Null has a place here, too.
 */
struct origin origin_of_entry(struct json_object *container, size_t index);

#endif
