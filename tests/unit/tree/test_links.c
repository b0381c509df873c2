/* SPDX-License-Identifier: MIT */
#include "tree/links.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

#include <errno.h>
#include <string.h>

/* What may be linked, as the request lists it. */

#define SECRET "a secret"

static struct json_object *parsed(const char *text)
{
	struct json_object *document = NULL;
	struct error err = { 0 };

	assert_int_equal(json_parse(text, strlen(text), "test", &document, &err), 0);
	return document;
}

static void files_come_first(void **state)
{
	autojson struct json_object *request =
		parsed("{\"linked_dirs\": [\"log\"], \"linked_files\": ["
		       "{\"path\": \"a/key\", \"content\": \"x\\u0000y\"}, "
		       "{\"path\": \"b\", \"content\": null}, {\"path\": \"c\"}]}");
	autolinks struct links links = { 0 };
	struct error err = { 0 };

	(void)state;
	assert_int_equal(links_read(request, &links, &err), 0);
	assert_int_equal(links.count, 4);
	assert_string_equal(links.items[0].path, "a/key");
	assert_int_equal(links.items[0].content_bytes, 3);
	assert_memory_equal(links.items[0].content, "x\0y", 3);
	assert_null(links.items[1].content);
	assert_null(links.items[2].content);
	assert_false(links.items[2].is_directory);
	assert_string_equal(links.items[3].path, "log");
	assert_true(links.items[3].is_directory);
}

static void nothing_is_listed(void **state)
{
	autojson struct json_object *request = parsed("{\"linked_files\": null}");
	autolinks struct links links = { 0 };
	struct error err = { 0 };

	(void)state;
	assert_int_equal(links_read(request, &links, &err), 0);
	assert_int_equal(links.count, 0);
}

static void refuses(struct json_object *request, int code, const char *word)
{
	struct links links = { 0 };
	struct error err = { 0 };

	assert_int_equal(links_read(request, &links, &err), code);
	assert_null(links.items);
	assert_non_null(strstr(err.text, word));
	assert_null(strstr(err.text, SECRET));
}

/* A request for one file with a secret, and one directory beside it. */
static struct json_object *request_for(const char *path, const char *directory)
{
	struct json_object *request = json_new_object();
	struct json_object *files = json_new_array(), *directories = json_new_array();
	struct json_object *file = json_new_object();

	json_set_string(file, "path", path);
	json_set_string(file, "content", SECRET);
	(void)json_object_array_add(files, file);
	(void)json_object_array_add(directories, json_object_new_string(directory));
	json_set(request, "linked_files", files);
	json_set(request, "linked_dirs", directories);
	return request;
}

static void paths_stay_in_the_release(void **state)
{
	static const struct {
		const char *path;
		const char *why;
	} wrong[] = {
		{ "", "empty part" },
		{ "/etc/passwd", "not relative" },
		{ "..", "'..'" },
		{ "a/../b", "'..'" },
		{ "./a", "'.'" },
		{ "a//b", "empty part" },
		{ "a/", "empty part" },
		{ "a\nb", "control" },
		{ "REVISION", "the agent" },
		{ ".bootagent/outputs", "the agent" },
		{ "current/config/key", "the agent" },
		{ "config/.tmp-0123456789abcdef", "temporary" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		autojson struct json_object *request = request_for(wrong[i].path, "log");
		autojson struct json_object *other = request_for("key", wrong[i].path);

		refuses(request, -EINVAL, wrong[i].why);
		refuses(other, -EINVAL, wrong[i].why);
	}
}

static void names_like_ours_are_others(void **state)
{
	const char *const right[] = { "REVISION2",        "a/REVISION",  "currently",
				      ".bootagent.json",  "...",         "..a/b..",
				      ".tmp-0123456789x", "config/.tmp", "-rf" };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(right); i++) {
		autojson struct json_object *request = request_for(right[i], "log");
		autolinks struct links links = { 0 };
		struct error err = { 0 };

		assert_int_equal(links_read(request, &links, &err), 0);
	}
}

static void paths_are_bounded(void **state)
{
	char path[LINKS_PATH_MAX_BYTES + 2] = "";

	(void)state;
	memset(path, 'x', LINKS_PATH_MAX_BYTES + 1);
	{
		autojson struct json_object *request = request_for(path, "log");

		refuses(request, -EINVAL, "too long");
	}
	path[LINKS_PATH_MAX_BYTES] = '\0';
	{
		autojson struct json_object *request = request_for(path, "log");
		autolinks struct links links = { 0 };
		struct error err = { 0 };

		assert_int_equal(links_read(request, &links, &err), 0);
	}
}

static void none_lies_on_anothers_way(void **state)
{
	static const struct {
		const char *file;
		const char *directory;
	} wrong[] = {
		{ "a", "a" },
		{ "a/b", "a" },
		{ "a", "a/b/c" },
	};
	autojson struct json_object *right = request_for("ab", "a");
	autolinks struct links links = { 0 };
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		autojson struct json_object *request =
			request_for(wrong[i].file, wrong[i].directory);

		refuses(request, -EINVAL, "cannot both be linked");
	}
	assert_int_equal(links_read(right, &links, &err), 0);
}

static void lists_hold_their_own_kind(void **state)
{
	const char *const wrong[] = {
		"{\"linked_files\": \"a\"}",
		"{\"linked_files\": [\"a\"]}",
		"{\"linked_files\": [null]}",
		"{\"linked_files\": [{\"path\": \"a\", \"content\": 5}]}",
		"{\"linked_files\": [{\"path\": \"a\\u0000\"}]}",
		"{\"linked_dirs\": {\"log\": true}}",
		"{\"linked_dirs\": [\"log\", 5]}",
		"{\"linked_dirs\": [{\"path\": \"log\"}]}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		autojson struct json_object *request = parsed(wrong[i]);

		refuses(request, -EINVAL, "linked");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_come_first),
		cmocka_unit_test(nothing_is_listed),
		cmocka_unit_test(paths_stay_in_the_release),
		cmocka_unit_test(names_like_ours_are_others),
		cmocka_unit_test(paths_are_bounded),
		cmocka_unit_test(none_lies_on_anothers_way),
		cmocka_unit_test(lists_hold_their_own_kind),
	};

	return cmocka_run_group_tests_name("tree_links", tests, NULL, NULL);
}
