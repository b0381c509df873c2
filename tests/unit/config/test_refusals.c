/* SPDX-License-Identifier: MIT */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/fixture.h"

#include <errno.h>
#include <stdio.h>

/* Every way to be wrong, with the sentence that a person gets to read. */

#define APPLICATION "\"application\": {\"name\": \"api\"}, "
#define SOURCE "\"source\": {\"repo_url\": \"https://h/r\"}, "
#define READINESS "\"readiness\": {\"url\": \"http://h/\"}"
#define STEP "{\"name\": \"a\", \"run\": [\"r\"]}"
#define SEE ": see bootagent.json(5) for the keys there are"

struct refusal {
	const char *text;
	const char *sentence; /* behind "FILE: " */
};

static void assert_refused(const struct refusal *refusals, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char expected[ERROR_TEXT_MAX_BYTES];
		struct config *config = NULL;
		struct error err = { 0 };

		(void)snprintf(expected, sizeof(expected), "FILE: %s",
			       refusals[i].sentence);
		assert_int_equal(config_parse_text(refusals[i].text, &config, &err),
				 -EINVAL);
		assert_int_equal(err.code, -EINVAL);
		assert_string_equal(err.text, expected);
		assert_null(config);
	}
}

#define ASSERT_REFUSED(refusals) \
	assert_refused(refusals, sizeof(refusals) / sizeof((refusals)[0]))

static void document_must_be_an_object(void **state)
{
	static const struct refusal refusals[] = {
		{ "[]", "the configuration must be an object" },
		{ "null", "the configuration must be an object" },
		{ "\"text\"", "the configuration must be an object" },
	};

	(void)state;
	ASSERT_REFUSED(refusals);
}

static void unknown_keys_are_refused(void **state)
{
	static const struct refusal refusals[] = {
		{ "{" REQUIRED ", \"aplication\": {}}", "unknown key 'aplication'" SEE },
		{ "{" REQUIRED ", \"boot\": {\"dead_line\": \"1m\"}}",
		  "unknown key 'boot.dead_line'" SEE },
		{ "{" REQUIRED ", \"boot\": {\"x\": null}}", "unknown key 'boot.x'" SEE },
		{ "{" REQUIRED ", \"\": 1}", "unknown key ''" SEE },
		{ "{" REQUIRED ", \"Boot\": {}}", "unknown key 'Boot'" SEE },
		{ "{" REQUIRED ", \"comment\": 1}", "unknown key 'comment'" SEE },
		/* a section is an object, not part of a name */
		{ "{" REQUIRED ", \"boot.deadline\": \"1m\"}",
		  "unknown key 'boot.deadline'" SEE },
		{ "{" REQUIRED ", \"steps\": [" STEP
		  ", {\"name\": \"b\", \"run\": [\"r\"], "
		  "\"cmd\": 1}]}",
		  "unknown key 'steps[1].cmd'" SEE },
	};

	(void)state;
	ASSERT_REFUSED(refusals);
}

static void required_keys_are_asked_for(void **state)
{
	static const struct refusal refusals[] = {
		{ "{" SOURCE READINESS "}",
		  "'application.name' is missing: The application's short name; names "
		  "its directories." },
		{ "{\"application\": {\"name\": null}, " SOURCE READINESS "}",
		  "'application.name' is missing: The application's short name; names "
		  "its directories." },
		{ "{" APPLICATION READINESS "}",
		  "'source.repo_url' is missing: Where the git repository is." },
		{ "{" APPLICATION SOURCE "\"boot\": {}}",
		  "'readiness.url' is missing: The address that answers when the "
		  "application serves." },
		{ "{" REQUIRED ", \"steps\": [" STEP ", {\"name\": \"b\"}]}",
		  "'steps[1].run' is missing: The command and its arguments; no shell "
		  "stands between." },
		{ "{" REQUIRED ", \"steps\": [{\"run\": [\"r\"]}]}",
		  "'steps[0].name' is missing: What the step is called in output and "
		  "status." },
	};

	(void)state;
	ASSERT_REFUSED(refusals);
}

static void wrong_types_are_refused(void **state)
{
	static const struct refusal refusals[] = {
		{ "{" REQUIRED ", \"boot\": []}", "'boot' must be an object" },
		{ "{" REQUIRED ", \"boot\": \"1m\"}", "'boot' must be an object" },
		{ "{" REQUIRED ", \"boot\": {\"deadline\": 30}}",
		  "boot.deadline: expected a time span in quotes such as \"15m\", found "
		  "int" },
		{ "{" REQUIRED ", \"lifecycle\": {\"hook\": true}}",
		  "lifecycle.hook: expected a text of one line, found boolean" },
		{ "{" REQUIRED ", \"steps\": {}}", "'steps' must be a list of objects" },
		{ "{" REQUIRED ", \"steps\": [" STEP ", \"make\"]}",
		  "'steps[1]' must be an object" },
		{ "{" REQUIRED ", \"steps\": [null]}", "'steps[0]' must be an object" },
		{ "{" APPLICATION SOURCE "\"readiness\": {\"expected_status\": \"200\"}}",
		  "readiness.expected_status: expected a whole number, found string" },
		{ "{" APPLICATION SOURCE "\"readiness\": {\"healthy_threshold\": 1.5}}",
		  "readiness.healthy_threshold: expected a whole number, found double" },
	};

	(void)state;
	ASSERT_REFUSED(refusals);
}

static void texts_have_a_shape(void **state)
{
	static const struct refusal refusals[] = {
		{ "{\"application\": {\"name\": \"../api\"}}",
		  "application.name: expected a name of letters, digits, '.', '_' and "
		  "'-', found string" },
		{ "{\"application\": {\"user\": \"root;\"}}",
		  "application.user: expected a user's name, found string" },
		{ "{\"source\": {\"repo_url\": \"git@h:r.git\"}}",
		  "source.repo_url: expected an http or https URL without "
		  "userinfo, found string" },
		{ "{\"source\": {\"repo_url\": \"https:///r\"}}",
		  "source.repo_url: expected an http or https URL without "
		  "userinfo, found string" },
		{ "{\"source\": {\"repo_url\": \"https://u:p@h/r\"}}",
		  "source.repo_url: expected an http or https URL without "
		  "userinfo, found string" },
		{ "{\"source\": {\"repo_url\": \"http://h/a b\"}}",
		  "source.repo_url: expected an http or https URL without "
		  "userinfo, found string" },
		{ "{\"source\": {\"branch\": \"\"}}",
		  "source.branch: expected a text of one line, found string" },
		{ "{\"source\": {\"branch\": \"a\\nb\"}}",
		  "source.branch: expected a text of one line, found string" },
		{ "{\"source\": {\"branch\": \"main\\u0000x\"}}",
		  "source.branch: expected a text of one line, found string" },
	};

	(void)state;
	ASSERT_REFUSED(refusals);
}

static void paths_have_a_shape(void **state)
{
	static const char *const paths[] = { "srv/api", "/",     "/srv/",     "/srv//api",
					     "/srv/..", "/../x", "/a/../b",   "/a/./b",
					     "/srv/.",  "",      "/a\\u0007b" };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char text[128];
		const struct refusal refusal = {
			text,
			"release.deploy_to: expected an absolute path without '..' or a "
			"slash at its end, found string"
		};

		(void)snprintf(text, sizeof(text),
			       "{\"release\": {\"deploy_to\": \"%s\"}}", paths[i]);
		assert_refused(&refusal, 1);
	}
}

static void numbers_have_limits(void **state)
{
	static const struct refusal refusals[] = {
		{ "{\"readiness\": {\"expected_status\": 199}}",
		  "readiness.expected_status: 199 is out of its limits, 200 to 299" },
		{ "{\"readiness\": {\"expected_status\": 300}}",
		  "readiness.expected_status: 300 is out of its limits, 200 to 299" },
		{ "{\"readiness\": {\"healthy_threshold\": 9223372036854775807}}",
		  "readiness.healthy_threshold: 9223372036854775807 is out of its "
		  "limits, 1 to 100" },
		{ "{\"readiness\": {\"interval\": \"9ms\"}}",
		  "readiness.interval: '9ms' is out of its limits, 10ms to 60000ms" },
		{ "{\"boot\": {\"deadline\": \"49h\"}}",
		  "boot.deadline: '49h' is out of its limits, 10000ms to 172800000ms" },
		{ "{\"boot\": {\"deadline\": \"soon\"}}",
		  "boot.deadline: 'soon' is no time span: write \"90s\", \"15m\", "
		  "\"1h 30m\"" },
		{ "{\"boot\": {\"deadline\": \"15m\\u0000\"}}",
		  "boot.deadline: expected a time span in quotes such as \"15m\", found "
		  "string" },
	};

	(void)state;
	ASSERT_REFUSED(refusals);
}

static void steps_are_checked_one_by_one(void **state)
{
	static const struct refusal refusals[] = {
		{ "{\"steps\": [" STEP ", {\"name\": \"b c\"}]}",
		  "steps[1].name: expected a name of letters, digits, '.', '_' and '-', "
		  "found string" },
		{ "{\"steps\": [{\"when\": \"later\"}]}",
		  "steps[0].when: expected one of 'before-publish', 'after-publish', "
		  "'after-ready'" },
		{ "{\"steps\": [{\"when\": 1}]}",
		  "steps[0].when: expected one of 'before-publish', 'after-publish', "
		  "'after-ready'" },
		{ "{\"steps\": [{\"run\": []}]}",
		  "steps[0].run: expected a list of texts such as [\"bundle\", "
		  "\"install\"], found array" },
		{ "{\"steps\": [{\"run\": \"make\"}]}",
		  "steps[0].run: expected a list of texts such as [\"bundle\", "
		  "\"install\"], found string" },
		{ "{\"steps\": [{\"run\": [\"\"]}]}",
		  "steps[0].run: expected a list of texts such as [\"bundle\", "
		  "\"install\"], found string" },
		{ "{\"steps\": [{\"run\": [\"a\", 1]}]}",
		  "steps[0].run: expected a list of texts such as [\"bundle\", "
		  "\"install\"], found int" },
		{ "{\"steps\": [{\"run\": [\"rm\", \"a\\u0000b\"]}]}",
		  "steps[0].run: expected a list of texts such as [\"bundle\", "
		  "\"install\"], found string" },
		{ "{" REQUIRED ", \"steps\": [" STEP
		  ", {\"name\": \"b\", \"run\": [\"r\"]}, " STEP "]}",
		  "two steps are called 'a': rename one" },
	};

	(void)state;
	ASSERT_REFUSED(refusals);
}

static void variables_are_checked(void **state)
{
	static const struct refusal refusals[] = {
		{ "{\"application\": {\"environment\": []}}",
		  "application.environment: expected an object of texts, found array" },
		{ "{\"application\": {\"environment\": {\"A\": \"1\", \"B-C\": \"1\"}}}",
		  "application.environment: 'B-C' is no name of a variable" },
		{ "{\"application\": {\"environment\": {\"1A\": \"1\"}}}",
		  "application.environment: '1A' is no name of a variable" },
		{ "{\"application\": {\"environment\": {\"\": \"1\"}}}",
		  "application.environment: '' is no name of a variable" },
		{ "{\"application\": {\"environment\": {\"PORT\": 3000}}}",
		  "application.environment: expected a text for each variable, found "
		  "int" },
		{ "{\"application\": {\"environment\": {\"A\": null}}}",
		  "application.environment: expected a text for each variable, found "
		  "null" },
		{ "{\"application\": {\"environment\": {\"A\": \"x\\u0000y\"}}}",
		  "application.environment: expected a text for each variable, found "
		  "string" },
	};

	(void)state;
	ASSERT_REFUSED(refusals);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(document_must_be_an_object),
		cmocka_unit_test(unknown_keys_are_refused),
		cmocka_unit_test(required_keys_are_asked_for),
		cmocka_unit_test(wrong_types_are_refused),
		cmocka_unit_test(texts_have_a_shape),
		cmocka_unit_test(paths_have_a_shape),
		cmocka_unit_test(numbers_have_limits),
		cmocka_unit_test(steps_are_checked_one_by_one),
		cmocka_unit_test(variables_are_checked),
	};

	return cmocka_run_group_tests_name("config_refusals", tests, NULL, NULL);
}
