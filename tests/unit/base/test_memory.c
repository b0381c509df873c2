/* SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>

/* Memory that is zeroed or not there at all, and the ends of scopes. */

static void new_memory_is_zeroed(void **state)
{
	static const unsigned char zero[64];
	autofree unsigned char *memory = memory_new(8, 8);

	(void)state;
	assert_memory_equal(memory, zero, sizeof(zero));
}

static void nothing_is_memory_too(void **state)
{
	autofree void *none = memory_new(0, 16);
	autofree void *empty = memory_new(16, 0);

	(void)state;
	assert_non_null(none);
	assert_non_null(empty);
}

static void growth_keeps_and_zeroes(void **state)
{
	autofree int *numbers = memory_grow(NULL, 0, 2, sizeof(*numbers));

	(void)state;
	assert_int_equal(numbers[0], 0);
	numbers[0] = 5;
	numbers[1] = 6;
	numbers = memory_grow(numbers, 2, 1000, sizeof(*numbers));
	assert_int_equal(numbers[0], 5);
	assert_int_equal(numbers[1], 6);
	for (int i = 2; i < 1000; i++)
		assert_int_equal(numbers[i], 0);
	numbers = memory_grow(numbers, 1000, 1, sizeof(*numbers));
	assert_int_equal(numbers[0], 5);
}

static void use_new(size_t count)
{
	autofree void *memory = memory_new(count, 2);

	(void)memory;
}

static void use_grow(size_t count)
{
	autofree void *memory = memory_grow(NULL, 0, count, 2);

	(void)memory;
}

/* Whether a call comes back; a sanitizer ends it in words of its own. */
static bool comes_back(void (*use)(size_t count), size_t count)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

		(void)dup2(nowhere, STDERR_FILENO);
		use(count);
		_exit(0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void sizes_that_overflow_end_the_process(void **state)
{
	(void)state;
	assert_true(comes_back(use_new, 4));
	assert_false(comes_back(use_new, SIZE_MAX / 2 + 2));
	assert_true(comes_back(use_grow, 4));
	assert_false(comes_back(use_grow, SIZE_MAX / 2 + 2));
}

static int open_something(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void scope_closes_what_it_keeps(void **state)
{
	int kept, taken;

	(void)state;
	{
		autoclose int first = open_something();
		autoclose int second = open_something();
		autoclose int none = -1;

		(void)none;
		kept = first;
		taken = TAKE_FD(second);
		assert_int_equal(second, -1);
	}
	assert_int_equal(fcntl(kept, F_GETFD), -1);
	assert_int_not_equal(fcntl(taken, F_GETFD), -1);
	(void)close(taken);
}

static void take_empties_the_variable(void **state)
{
	char *taken;

	(void)state;
	{
		autofree char *text = strdup("text");
		autofree char *none = NULL;

		(void)none;
		taken = TAKE(text);
		assert_null(text);
	}
	assert_string_equal(taken, "text");
	free(taken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_memory_is_zeroed),
		cmocka_unit_test(nothing_is_memory_too),
		cmocka_unit_test(growth_keeps_and_zeroes),
		cmocka_unit_test(sizes_that_overflow_end_the_process),
		cmocka_unit_test(scope_closes_what_it_keeps),
		cmocka_unit_test(take_empties_the_variable),
	};

	return cmocka_run_group_tests_name("base_memory", tests, NULL, NULL);
}
