/* SPDX-License-Identifier: MIT */
#include "tree/gemfile.h"
#include "tree/requirement.h"

#include "invariants.h"

#include <errno.h>
#include <string.h>

/* A commit's Gemfile and version file: what is taken from them is a short text each. */

static void check(const char *text)
{
	int result = requirement_is_met(text, "3.1.7");

	assert(result == 0 || result == 1 || result == -EINVAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	autofree char *text = input_copy(data, size_bytes);
	autofree char *version = gemfile_version_in(text);
	struct gemfile gemfile = { .count = 0 };

	gemfile_read(text, &gemfile);
	assert(gemfile.count <= GEMFILE_REQUIREMENTS_MAX);
	assert(!gemfile.file || gemfile.count == 0);
	for (size_t i = 0; i < gemfile.count; i++)
		check(gemfile.requirements[i]);
	gemfile_done(&gemfile);
	check(text);
	if (version)
		check(version);
	/* Of two versions one is the later, or they are the same. */
	if (version && requirement_is_met(version, version) >= 0)
		assert(requirement_is_met(version, version) == 1);
	return 0;
}
