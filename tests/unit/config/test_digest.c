/* SPDX-License-Identifier: MIT */
#include "config/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/memory.h"
#include "config/fixture.h"

/* Which changes of a configuration are changes. */

static void digest_of(const char *text, char ret_digest[static CONFIG_DIGEST_BYTES])
{
	struct layers layers;
	struct error err = { 0 };

	assert_int_equal(config_load_text(text, &layers, &err), 0);
	config_digest(layers.effective, ret_digest);
	layers_done(&layers);
}

static void digest_of_value(const char *text, char ret_digest[static CONFIG_DIGEST_BYTES])
{
	autojson struct json_object *value = NULL;
	struct error err = { 0 };

	assert_int_equal(json_parse(text, strlen(text), "a value", &value, &err), 0);
	config_digest(value, ret_digest);
}

/* It is on disks: another version of the agent finds the same. */
static void it_does_not_change_with_the_agent(void **state)
{
	char digest[CONFIG_DIGEST_BYTES];

	(void)state;
	digest_of_value("{\"b\": [1, \"x\", null], \"a\": {\"c\": true}}", digest);
	assert_string_equal(digest, "1325324408ffa945");
}

static void order_and_layout_do_not_matter(void **state)
{
	static const char *const same[] = {
		"{" REQUIRED ", \"boot\": {\"deadline\": \"20m\"}}",
		"{\"boot\" :\t{\"deadline\":\"20m\"},\n" REQUIRED "}",
		"{\"boot\": {\"deadline\": \"20m\"}, \"_comment\": \"now\", " REQUIRED
		"}",
		"{\"boot\": {\"deadline\": \"20m\"}, \"source\": {\"branch\": \"main\", "
		"\"repo_url\": \"https://git.example/api.git\"}, \"readiness\": {"
		"\"url\": \"http://127.0.0.1/health\"}, \"application\": {"
		"\"name\": \"api\"}}",
	};
	char first[CONFIG_DIGEST_BYTES], other[CONFIG_DIGEST_BYTES];

	(void)state;
	digest_of(same[0], first);
	for (size_t i = 1; i < ARRAY_COUNT(same); i++) {
		digest_of(same[i], other);
		assert_string_equal(other, first);
	}
}

static void every_value_matters(void **state)
{
	static const char *const texts[] = {
		"{" REQUIRED "}",
		"{" REQUIRED ", \"boot\": {\"deadline\": \"20m\"}}",
		"{" REQUIRED ", \"steps\": [{\"name\": \"a\", \"run\": [\"a b\"]}]}",
		"{" REQUIRED ", \"steps\": [{\"name\": \"a\", \"run\": [\"a\", \"b\"]}]}",
		"{" REQUIRED ", \"steps\": [{\"name\": \"a\", \"run\": [\"x\"]}, "
		"{\"name\": \"b\", \"run\": [\"x\"]}]}",
		"{" REQUIRED ", \"steps\": [{\"name\": \"b\", \"run\": [\"x\"]}, "
		"{\"name\": \"a\", \"run\": [\"x\"]}]}",
	};
	char digests[ARRAY_COUNT(texts)][CONFIG_DIGEST_BYTES];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		digest_of(texts[i], digests[i]);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(digests[j], digests[i]);
	}
}

static void what_looks_alike_is_told_apart(void **state)
{
	static const char *const texts[] = {
		"[]",
		"[[]]",
		"{}",
		"[{}]",
		"\"[\"",
		"[\"[\"]",
		"null",
		"\"null\"",
		"[\"a\"]",
		"[\"a\", []]",
		"{\"a\": \"\"}",
		"{\"a\": null}",
		"{\"\": \"a\"}",
		"1",
		"\"1\"",
		"{\"}\": null}",
		"[{}, null]",
		"{\"a\": {}, \"b\": 1}",
		"{\"a\": {\"b\": 1}}",
	};
	char digests[ARRAY_COUNT(texts)][CONFIG_DIGEST_BYTES];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		digest_of_value(texts[i], digests[i]);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(digests[j], digests[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_does_not_change_with_the_agent),
		cmocka_unit_test(order_and_layout_do_not_matter),
		cmocka_unit_test(every_value_matters),
		cmocka_unit_test(what_looks_alike_is_told_apart),
	};

	return cmocka_run_group_tests_name("config_digest", tests, NULL, NULL);
}
