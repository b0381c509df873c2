/* SPDX-License-Identifier: MIT */
#include "git/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Base64 in both directions (RFC 4648, section 10), and texts that are none. */

static const char *const pairs[][2] = {
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
	{ "\xff\xef\xfe", "/+/+" },
};

static void test_both_directions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		size_t length_bytes = 0;
		unsigned char *data =
			base64_decode(pairs[i][1], strlen(pairs[i][1]), &length_bytes);
		char *text = base64_encode((const unsigned char *)pairs[i][0],
					   strlen(pairs[i][0]));

		assert_non_null(data);
		assert_int_equal(strlen(pairs[i][0]), length_bytes);
		assert_string_equal(pairs[i][0], (char *)data);
		assert_string_equal(pairs[i][1], text);
		free(data);
		free(text);
	}
}

static void test_blanks_are_left_out(void **state)
{
	static const char text[] = " Zm9v\r\nYm\tFy\n";
	size_t length_bytes = 0;
	unsigned char *data = base64_decode(text, strlen(text), &length_bytes);

	(void)state;
	assert_non_null(data);
	assert_string_equal("foobar", (char *)data);
	free(data);
}

static void test_what_is_none(void **state)
{
	static const char *const texts[] = {
		"",      " ",     "=",    "====",  "Z",     "Zg",
		"Zg=",   "Zg===", "Zm8",  "Zm9vY", "Zh==",  "Zm9=",
		"Zg==Z", "Zm!v",  "Zm-_", "Z===",  "Zm9v=", "\xc3\xa9QQ"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size_t length_bytes = 7;

		assert_null(base64_decode(texts[i], strlen(texts[i]), &length_bytes));
		assert_int_equal(7, length_bytes);
	}
	assert_null(base64_decode("Zm\0v", 4, &(size_t){ 0 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_directions),
		cmocka_unit_test(test_blanks_are_left_out),
		cmocka_unit_test(test_what_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
