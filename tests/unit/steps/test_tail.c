/* SPDX-License-Identifier: MIT */
#include "steps/tail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/text.h"
#include "secrets/secrets_types.h"

#include <stdio.h>
#include <string.h>

/* The last lines of what a step wrote: how many, how long, and what is never shown. */

static char key[] = "first-line-of-a-key\nshort\nlast-line-of-a-key";
static char password[] = "hunter2-hunter2";

static struct secret items[] = { { .value = key }, { .value = password } };
static const struct secrets secrets = { .items = items, .count = ARRAY_COUNT(items) };

/* Added in pieces of that length. */
static char *text_of(const char *output, size_t length, size_t piece_bytes)
{
	struct tail tail;
	char *text;

	tail_init(&tail, &secrets);
	for (size_t at = 0; at < length; at += piece_bytes)
		tail_add(&tail, output + at,
			 length - at < piece_bytes ? length - at : piece_bytes);
	assert_int_equal(tail.total_bytes, length);
	text = tail_text(&tail, &secrets);
	tail_done(&tail);
	return text;
}

static void lines_are_shown_as_they_came(void **state)
{
	static const struct {
		const char *output, *expected;
	} rows[] = {
		{ "", "" },
		{ "\n\r\n", "" },
		{ "one\ntwo\n", "one\ntwo\n" },
		{ "one\r\n\r\n\ntwo", "one\ntwo\n" },
		/* a progress bar */
		{ " 1%\r50%\r100%\n", " 1%\n50%\n100%\n" },
		{ "\033[31mred\033[0m\xff\n", " [31mred [0m?\n" },
		{ "a hunter2-hunter2 b", "a [secret] b\n" },
		{ "<first-line-of-a-key\nshort\nlast-line-of-a-key>\n", "<[secret]>\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		for (size_t piece = 1; piece < 64; piece += 7) {
			autofree char *text =
				text_of(rows[i].output, strlen(rows[i].output), piece);

			assert_string_equal(text, rows[i].expected);
		}
}

static void a_nul_byte_hides_nothing(void **state)
{
	static const char output[] = "a\0b\n\0\0c";
	autofree char *text = text_of(output, sizeof(output) - 1, 3);

	(void)state;
	assert_string_equal(text, "a b\n  c\n");
}

static void only_the_last_lines_are_kept(void **state)
{
	autofree char *output = memory_new(200000, 1);
	autofree char *text = NULL, *expected = text_copy("");
	char *end = output;

	(void)state;
	for (int i = 1; i <= 20000; i++)
		end += sprintf(end, "%d\n", i);
	text = text_of(output, strlen(output), 1000);
	for (int i = 20000 - TAIL_LINES_MAX + 1; i <= 20000; i++) {
		char *longer = text_format("%s%d\n", expected, i);

		free(expected);
		expected = longer;
	}
	assert_string_equal(text, expected);
}

static void long_lines_are_cut(void **state)
{
	autofree char *output = memory_new(300000, 1);
	autofree char *text = NULL;

	(void)state;
	memset(output, 'x', 299999);
	output[1024] = output[1024 + 1 + 1025] = '\n';
	text = text_of(output, 1024 + 1 + 1025 + 1, 4096);
	assert_int_equal(strlen(text), 1024 + 1 + 1024 + strlen(TAIL_MARK) + 1);
	assert_string_equal(text + 2048, "x" TAIL_MARK "\n");
	free(text);
	/* one line, and longer than all that is kept */
	text = text_of(output + 5000, 290000, 4096);
	assert_int_equal(strlen(text), 1024 + strlen(TAIL_MARK) + 1);
	/* never within a character */
	memset(output, 'x', 2000);
	memcpy(output + 1023, "\xc3\xa4", 2);
	free(text);
	text = text_of(output, 2000, 4096);
	assert_string_equal(text + 1020, "xxx" TAIL_MARK "\n");
}

static void all_together_have_a_maximum(void **state)
{
	autofree char *output = memory_new(100 * 1000 + 1, 1);
	autofree char *text = NULL;

	(void)state;
	memset(output, 'x', 100 * 1000);
	for (size_t i = 999; i < 100 * 1000; i += 1000)
		output[i] = '\n';
	text = text_of(output, 100 * 1000, 777);
	assert_int_equal(strlen(text), TAIL_TEXT_MAX_BYTES / 1000 * 1000);
}

/* Wherever a secret lies when the older part is dropped, nothing of it is shown. */
static void no_end_of_a_secret_is_left_over(void **state)
{
	(void)state;
	for (size_t after = 65500; after < 65600; after++) {
		autofree char *output = memory_new(400000, 1);
		autofree char *text = NULL;
		size_t length = 200000;

		memset(output, '.', length);
		memcpy(output + length, password, strlen(password));
		length += strlen(password);
		memset(output + length, '.', after);
		length += after;
		text = text_of(output, length, 4096);
		assert_null(strstr(text, "hunter2"));
		assert_null(strchr(text, '2'));
	}
}

static void the_live_line_is_the_last_that_has_ended(void **state)
{
	struct tail tail;
	char *line;

	(void)state;
	tail_init(&tail, &secrets);
	tail_add(&tail, "half a li", 9);
	assert_null(tail_last_line(&tail, &secrets));
	tail_add(&tail, "ne\r\nhunter2-", 12);
	line = tail_last_line(&tail, &secrets);
	assert_string_equal(line, "half a line");
	free(line);
	tail_add(&tail, "hunter2 ok\n\n", 12);
	line = tail_last_line(&tail, &secrets);
	assert_string_equal(line, "[secret] ok");
	free(line);
	tail_add(&tail,
		 "0123456789012345678901234567890123456789"
		 "012345678901234567890123456789\n",
		 71);
	line = tail_last_line(&tail, &secrets);
	assert_string_equal(
		line,
		"01234567890123456789012345678901234567890123456789012345" TAIL_MARK);
	free(line);
	tail_done(&tail);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_shown_as_they_came),
		cmocka_unit_test(a_nul_byte_hides_nothing),
		cmocka_unit_test(only_the_last_lines_are_kept),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(all_together_have_a_maximum),
		cmocka_unit_test(no_end_of_a_secret_is_left_over),
		cmocka_unit_test(the_live_line_is_the_last_that_has_ended),
	};

	return cmocka_run_group_tests_name("steps_tail", tests, NULL, NULL);
}
