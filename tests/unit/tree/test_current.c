/* SPDX-License-Identifier: MIT */
#include "tree/current.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"

/* Which targets of `current` name a release: ours, Capistrano's, and nobody else's. */

static void our_link_and_capistranos(void **state)
{
	(void)state;
	assert_string_equal(current_release_name("/srv/app", "releases/20260101000000"),
			    "20260101000000");
	assert_string_equal(current_release_name("/srv/app", "/srv/app/releases/2026"),
			    "2026");
}

static void name_is_borrowed_from_the_target(void **state)
{
	const char *target = "/srv/app/releases/2026";

	(void)state;
	assert_ptr_equal(current_release_name("/srv/app", target), target + 18);
}

static void links_to_elsewhere_name_none(void **state)
{
	const char *const others[] = {
		"",
		"/",
		"/srv/app",
		"/srv/app/",
		"/srv/app/releases",
		"/srv/app/releases/",
		"/srv/app/releases/2026/",
		"/srv/app/releases/2026/public",
		"/srv/app//releases/2026",
		"/srv/app2/releases/2026",
		"/srv/ap/releases/2026",
		"/other/srv/app/releases/2026",
		"/releases/2026",
		"releases",
		"releases/",
		"releases/..",
		"releases/.hidden",
		"releases/-rf",
		"releases/a/b",
		"releases/a\nb",
		"releases//2026",
		"./releases/2026",
		"../app/releases/2026",
		"xreleases/2026",
		"shared",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(others); i++)
		assert_null(current_release_name("/srv/app", others[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_link_and_capistranos),
		cmocka_unit_test(name_is_borrowed_from_the_target),
		cmocka_unit_test(links_to_elsewhere_name_none),
	};

	return cmocka_run_group_tests_name("tree_current", tests, NULL, NULL);
}
