/* SPDX-License-Identifier: MIT */
#include "state/answers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/scratch.h"
#include "base/text.h"

#include <string.h>
#include <sys/stat.h>

/* What key_commands said, as root remembers it. */

static struct json_object *texts(const char *text)
{
	struct json_object *list = json_new_array();

	json_add_string(list, text);
	return list;
}

static void save(const struct scratch *scratch, const char *argument,
		 const char *variable, const char *answer)
{
	autojson struct json_object *arguments = texts(argument);
	autojson struct json_object *environment = texts(variable);
	autojson struct json_object *known = json_new_object();
	struct error err = { 0 };

	json_set_string(known, "answer", answer);
	assert_int_equal(answers_save(scratch->fd, arguments, environment, known, &err),
			 0);
}

/* The caller frees it. */
static char *find(const struct scratch *scratch, const char *argument,
		  const char *variable)
{
	autojson struct json_object *arguments = texts(argument);
	autojson struct json_object *environment = texts(variable);
	autojson struct json_object *known =
		answers_find(scratch->fd, arguments, environment);

	return text_copy(json_string(known, "answer"));
}

static void assert_found(const struct scratch *scratch, const char *argument,
			 const char *variable, const char *answer)
{
	autofree char *found = find(scratch, argument, variable);

	if (answer)
		assert_string_equal(found, answer);
	else
		assert_null(found);
}

static void an_answer_is_of_its_question(void **state)
{
	const struct scratch *scratch = *state;
	struct stat status;

	assert_found(scratch, "ruby", "A=1", NULL);
	save(scratch, "ruby", "A=1", "3.1");
	save(scratch, "ruby", "A=2", "3.2");
	save(scratch, "node", "A=1", "18");
	assert_found(scratch, "ruby", "A=1", "3.1");
	assert_found(scratch, "ruby", "A=2", "3.2");
	assert_found(scratch, "node", "A=1", "18");
	assert_found(scratch, "node", "A=2", NULL);
	save(scratch, "ruby", "A=1", "3.3");
	assert_found(scratch, "ruby", "A=1", "3.3");
	assert_int_equal(fstatat(scratch->fd, "key-commands.json", &status, 0), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
}

static void the_oldest_make_room(void **state)
{
	const struct scratch *scratch = *state;

	for (int i = 0; i < ANSWERS_MAX + 2; i++) {
		autofree char *argument = text_format("tool-%d", i);

		save(scratch, argument, "", "an answer");
	}
	assert_found(scratch, "tool-0", "", NULL);
	assert_found(scratch, "tool-1", "", NULL);
	assert_found(scratch, "tool-2", "", "an answer");
	assert_found(scratch, "tool-65", "", "an answer");
}

static void a_long_one_is_not_kept(void **state)
{
	const struct scratch *scratch = *state;
	autofree char *text = memory_new(ANSWER_MAX_BYTES + 1, 1);

	memset(text, 'x', ANSWER_MAX_BYTES);
	save(scratch, "ruby", "", text);
	assert_found(scratch, "ruby", "", NULL);
	assert_int_equal(scratch_count(scratch), 0);
}

static void a_damaged_file_is_none(void **state)
{
	static const char *const contents[] = { "",
						"{",
						"[]",
						"{\"schema\": 2}",
						"{\"schema\": 1, \"answers\": {}}",
						"{\"schema\": 1, \"answers\": [1]}" };
	const struct scratch *scratch = *state;

	for (size_t i = 0; i < ARRAY_COUNT(contents); i++) {
		assert_int_equal(scratch_put(scratch, "key-commands.json", contents[i],
					     strlen(contents[i])),
				 0);
		assert_found(scratch, "ruby", "", NULL);
		save(scratch, "ruby", "", "3.1");
		assert_found(scratch, "ruby", "", "3.1");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(an_answer_is_of_its_question),
		scratch_test(the_oldest_make_room),
		scratch_test(a_long_one_is_not_kept),
		scratch_test(a_damaged_file_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
