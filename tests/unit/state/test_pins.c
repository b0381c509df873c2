/* SPDX-License-Identifier: MIT */
#include "state/pins.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/scratch.h"
#include "base/text.h"

#include <errno.h>

/* A pin is kept whole, is this instance's own, and is never lost by a damaged file. */

#define REVISION "0123456789abcdef0123456789abcdef01234567"

static void save(const struct scratch *scratch, const char *instance_id, const char *ref)
{
	struct error err = { 0 };
	struct pin pin = {
		.revision = text_copy(REVISION),
		.ref = text_copy(ref),
		.by = text_copy("operator"),
		.instance_id = text_copy(instance_id),
		.at_ms = 1234,
	};

	assert_int_equal(pin_save(scratch->fd, &pin, &err), 0);
	pin_done(&pin);
	assert_null(pin.revision);
}

static void no_file_is_no_pin(void **state)
{
	const struct scratch *scratch = *state;
	struct error err = { 0 };
	struct pin pin;

	assert_int_equal(pin_load(scratch->fd, "i-1", &pin, &err), 0);
	assert_null(pin.revision);
	assert_int_equal(pin_remove(scratch->fd, &err), 0);
	pin_done(&pin);
}

static void what_is_saved_is_loaded(void **state)
{
	const struct scratch *scratch = *state;
	struct error err = { 0 };
	struct pin pin;

	save(scratch, "i-1", "v1");
	assert_int_equal(pin_load(scratch->fd, "i-1", &pin, &err), 0);
	assert_string_equal(pin.revision, REVISION);
	assert_string_equal(pin.ref, "v1");
	assert_string_equal(pin.by, "operator");
	assert_int_equal(pin.at_ms, 1234);
	pin_done(&pin);
	save(scratch, "i-1", NULL);
	assert_int_equal(pin_load(scratch->fd, "i-1", &pin, &err), 0);
	assert_null(pin.ref);
	pin_done(&pin);
	assert_int_equal(scratch_count(scratch), 1);
	assert_int_equal(pin_remove(scratch->fd, &err), 0);
	assert_int_equal(scratch_count(scratch), 0);
}

static void a_pin_of_another_instance_is_void(void **state)
{
	const struct scratch *scratch = *state;
	struct error err = { 0 };
	struct pin pin;

	save(scratch, "i-1", NULL);
	assert_int_equal(pin_load(scratch->fd, "i-2", &pin, &err), 0);
	assert_null(pin.revision);
	pin_done(&pin);
}

static void a_damaged_file_is_not_taken_for_none(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"{}",
		"{\"instance_id\": \"i-1\"}",
		"{\"instance_id\": \"i-1\", \"revision\": \"main\"}",
	};
	const struct scratch *scratch = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct error err = { 0 };
		struct pin pin;

		assert_int_equal(file_write(scratch->fd, "pin.json", texts[i], 0644,
					    FILE_VOLATILE, &err),
				 0);
		assert_int_equal(pin_load(scratch->fd, "i-1", &pin, &err), -EBADMSG);
		assert_non_null(strstr(err.text, "--unpin"));
		assert_null(pin.revision);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(no_file_is_no_pin),
		scratch_test(what_is_saved_is_loaded),
		scratch_test(a_pin_of_another_instance_is_void),
		scratch_test(a_damaged_file_is_not_taken_for_none),
	};

	return cmocka_run_group_tests_name("state_pins", tests, NULL, NULL);
}
