/* SPDX-License-Identifier: MIT */
#include "base/near.h"

#include <string.h>

/*
 * What a misspelt name was meant to be. Every place that knows all the names there are
 * says the nearest one, so that nobody has to look for the missing letter.
 */

#define NEAR_LIMIT_MAX 3

static size_t smallest(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

size_t near_distance(const char *a, const char *b)
{
	size_t row[NEAR_NAME_MAX_BYTES + 1];
	size_t a_length = strlen(a), b_length = strlen(b);

	if (a_length > NEAR_NAME_MAX_BYTES || b_length > NEAR_NAME_MAX_BYTES)
		return NEAR_NAME_MAX_BYTES;
	for (size_t j = 0; j <= b_length; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t changed = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = smallest(row[j] + 1, row[j - 1] + 1, changed);
		}
	}
	return row[b_length];
}

size_t near_limit(const char *wanted)
{
	/* Two swapped letters count twice: five letters may have them. */
	size_t third = (strlen(wanted) + 1) / 3;

	return third < NEAR_LIMIT_MAX ? third : NEAR_LIMIT_MAX;
}

const char *near_of(const char *wanted, const char *const *names)
{
	const char *nearest = NULL;
	size_t limit = near_limit(wanted);

	for (; *names; names++) {
		size_t distance = near_distance(wanted, *names);

		if (distance > limit || (nearest && distance == limit))
			continue;
		nearest = *names;
		limit = distance;
	}
	return nearest;
}
