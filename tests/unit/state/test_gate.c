/* SPDX-License-Identifier: MIT */
#include "state/gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/json.h"
#include "base/scratch.h"

#include <errno.h>

/* A gate is open for the boot that opened it, and for no other. */

static const char first[] = "0123456789abcdef0123456789abcdef01234567";
static const char second[] = "fedcba9876543210fedcba9876543210fedcba98";

static bool is_open(const struct scratch *scratch)
{
	return faccessat(scratch->fd, "synced", F_OK, 0) == 0;
}

static void gate_says_who_opened_it(void **state)
{
	const struct scratch *scratch = *state;
	autojson struct json_object *document = NULL;
	struct error err = { 0 };

	assert_int_equal(gate_open(scratch->fd, "boot-1", first, &err), 0);
	assert_int_equal(gate_open(scratch->fd, "boot-1", second, &err), 0);
	assert_int_equal(json_load(scratch->fd, "synced", 4096, &document, &err), 0);
	assert_string_equal(json_string(document, "boot_id"), "boot-1");
	assert_string_equal(json_string(document, "revision"), second);
	assert_int_equal(scratch_count(scratch), 1);
}

static void closing_is_harmless(void **state)
{
	const struct scratch *scratch = *state;
	struct error err = { 0 };

	assert_int_equal(gate_close(scratch->fd, &err), 0);
	assert_int_equal(gate_open(scratch->fd, "boot-1", first, &err), 0);
	assert_int_equal(gate_close(scratch->fd, &err), 0);
	assert_false(is_open(scratch));
	assert_int_equal(gate_close_if_stale(scratch->fd, "boot-1", &err), 0);
}

static void gate_of_another_boot_is_closed(void **state)
{
	const struct scratch *scratch = *state;
	struct error err = { 0 };

	assert_int_equal(gate_open(scratch->fd, "boot-1", first, &err), 0);
	assert_int_equal(gate_close_if_stale(scratch->fd, "boot-1", &err), 0);
	assert_true(is_open(scratch));
	assert_int_equal(gate_close_if_stale(scratch->fd, "boot-2", &err), 0);
	assert_false(is_open(scratch));
	assert_int_equal(err.code, 0);
}

static void unreadable_gate_is_closed(void **state)
{
	static const char *const texts[] = {
		"",
		"boot-1",
		"[\"boot-1\"]",
		"{}",
		"{\"boot_id\": \"boot-1\"}",
		"{\"boot_id\": \"boot-1\", \"revision\": \"HEAD\\n\"}",
	};
	const struct scratch *scratch = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct error err = { 0 };

		assert_int_equal(scratch_put(scratch, "synced", texts[i],
					     strlen(texts[i])),
				 0);
		assert_int_equal(gate_close_if_stale(scratch->fd, "boot-1", &err), 0);
		assert_false(is_open(scratch));
	}
	/* a link is none of ours */
	{
		struct error err = { 0 };

		assert_int_equal(symlinkat("/etc/passwd", scratch->fd, "synced"), 0);
		assert_int_equal(gate_close_if_stale(scratch->fd, "boot-1", &err), 0);
		assert_int_equal(scratch_count(scratch), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(gate_says_who_opened_it),
		scratch_test(closing_is_harmless),
		scratch_test(gate_of_another_boot_is_closed),
		scratch_test(unreadable_gate_is_closed),
	};

	return cmocka_run_group_tests_name("state_gate", tests, NULL, NULL);
}
