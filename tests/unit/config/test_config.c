/* SPDX-License-Identifier: MIT */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/fixture.h"

/* What a document becomes. What is refused, and in which words: test_refusals.c. */

static struct config *parse(const char *text)
{
	struct config *config = NULL;
	struct error err = { 0 };
	int result = config_parse_text(text, &config, &err);

	if (result < 0)
		print_error("%s\n", err.text);
	assert_int_equal(result, 0);
	assert_int_equal(err.code, 0);
	return config;
}

static void least_configuration_gets_its_defaults(void **state)
{
	struct config *config = parse("{" REQUIRED "}");

	(void)state;
	assert_string_equal(config->application.name, "api");
	assert_string_equal(config->application.user, "deploy");
	assert_int_equal(config->application.environment.count, 0);
	assert_string_equal(config->source.repo_url, "https://git.example/api.git");
	assert_string_equal(config->source.branch, "main");
	assert_string_equal(config->source.user, "bootagent");
	assert_int_equal(config->source.timeout_ms, 300000);
	assert_string_equal(config->release.deploy_to, "/srv/api");
	assert_int_equal(config->steps.count, 0);
	assert_null(config->readiness.host);
	assert_null(config->readiness.revision_header);
	assert_int_equal(config->readiness.expected_status, 200);
	assert_int_equal(config->readiness.healthy_threshold, 2);
	assert_int_equal(config->readiness.interval_ms, 500);
	assert_int_equal(config->readiness.timeout_ms, 120000);
	assert_int_equal(config->boot.deadline_ms, 1800000);
	assert_null(config->lifecycle.hook);
	config_free(config);
	config_free(NULL);
}

static const char full[] =
	"{\"$schema\": \"https://example/schema.json\","
	"\"application\": {\"name\": \"im8-api\", \"user\": \"rails\","
	"  \"environment\": {\"RAILS_ENV\": \"production\", \"EMPTY\": \"\","
	"                    \"_x1\": \"a=b \\u00e9\\n\"}},"
	"\"source\": {\"repo_url\": \"http://h/r\", \"branch\": \"release/1.x\","
	"  \"user\": \"fetch\", \"timeout\": \"1h 30m\"},"
	"\"release\": {\"deploy_to\": \"/opt/the app/x\"},"
	"\"steps\": [{\"name\": \"bundle\", \"run\": [\"bundle\", \"install\", \"\"],"
	"  \"timeout\": \"90\"},"
	"  {\"name\": \"cron\", \"when\": \"after-ready\", \"run\": [\"c\"]},"
	"  {\"name\": \"reload\", \"when\": \"after-publish\", \"run\": [\"r\"]}],"
	"\"readiness\": {\"url\": \"https://h:8443/up?x=1\", \"host\": \"api.example\","
	"  \"revision_header\": \"X-Revision\", \"expected_status\": 204,"
	"  \"healthy_threshold\": 1, \"interval\": \"10ms\", \"timeout\": \"100ms\"},"
	"\"boot\": {\"deadline\": \"48h\"}, \"lifecycle\": {\"hook\": \"launch hook\"}}";

static void full_configuration_is_taken(void **state)
{
	struct config *config = parse(full);

	(void)state;
	assert_string_equal(config->application.user, "rails");
	assert_int_equal(config->application.environment.count, 3);
	assert_string_equal(config->application.environment.items[0],
			    "RAILS_ENV=production");
	assert_string_equal(config->application.environment.items[1], "EMPTY=");
	assert_string_equal(config->application.environment.items[2],
			    "_x1=a=b \xc3\xa9\n");
	assert_null(config->application.environment.items[3]);
	assert_string_equal(config->source.branch, "release/1.x");
	assert_string_equal(config->source.user, "fetch");
	assert_int_equal(config->source.timeout_ms, 5400000);
	assert_string_equal(config->release.deploy_to, "/opt/the app/x");
	assert_string_equal(config->readiness.host, "api.example");
	assert_string_equal(config->readiness.revision_header, "X-Revision");
	assert_int_equal(config->readiness.expected_status, 204);
	assert_int_equal(config->readiness.healthy_threshold, 1);
	assert_int_equal(config->readiness.interval_ms, 10);
	assert_int_equal(config->readiness.timeout_ms, 100);
	assert_int_equal(config->boot.deadline_ms, INT64_C(172800000));
	assert_string_equal(config->lifecycle.hook, "launch hook");
	config_free(config);
}

static void steps_keep_their_order_and_their_defaults(void **state)
{
	struct config *config = parse(full);
	const struct config_step *steps = config->steps.items;

	(void)state;
	assert_int_equal(config->steps.count, 3);
	assert_string_equal(steps[0].name, "bundle");
	assert_int_equal(steps[0].when, STEP_BEFORE_PUBLISH);
	assert_int_equal(steps[0].timeout_ms, 90000);
	/* an argument vector as it is */
	assert_int_equal(steps[0].run.count, 3);
	assert_string_equal(steps[0].run.items[1], "install");
	assert_string_equal(steps[0].run.items[2], "");
	assert_null(steps[0].run.items[3]);
	assert_string_equal(steps[1].name, "cron");
	assert_int_equal(steps[1].when, STEP_AFTER_READY);
	assert_int_equal(steps[1].timeout_ms, 900000);
	assert_int_equal(steps[2].when, STEP_AFTER_PUBLISH);
	config_free(config);
}

static void null_restores_the_default(void **state)
{
	struct config *config = parse(
		"{\"application\": {\"name\": \"api\", \"user\": null, "
		"\"environment\": null}, "
		"\"source\": {\"repo_url\": \"https://h/r\", \"branch\": null, "
		"\"timeout\": null}, \"release\": {\"deploy_to\": null}, "
		"\"steps\": null, "
		"\"readiness\": {\"url\": \"http://h/\", \"expected_status\": null}}");

	(void)state;
	assert_string_equal(config->application.user, "deploy");
	assert_int_equal(config->application.environment.count, 0);
	assert_string_equal(config->source.branch, "main");
	assert_int_equal(config->source.timeout_ms, 300000);
	assert_string_equal(config->release.deploy_to, "/srv/api");
	assert_int_equal(config->steps.count, 0);
	assert_int_equal(config->readiness.expected_status, 200);
	config_free(config);
}

static void remarks_are_allowed_anywhere(void **state)
{
	struct config *config = parse(
		"{\"_comment\": [1], \"x-team\": {\"any\": null}, \"x-\": 1, "
		"\"application\": {\"name\": \"api\", \"_comment\": \"n\", \"x-a\": 1}, "
		"\"source\": {\"repo_url\": \"https://h/r\"}, "
		"\"steps\": [{\"name\": \"s\", \"run\": [\"r\"], \"_comment\": \"\"}], "
		"\"readiness\": {\"url\": \"http://h/\"}}");

	(void)state;
	assert_int_equal(config->steps.count, 1);
	config_free(config);
}

static void empty_lists_and_sections_say_nothing(void **state)
{
	struct config *config = parse("{" REQUIRED ", \"steps\": [], \"boot\": {}, "
				      "\"lifecycle\": {}, \"release\": {}}");

	(void)state;
	assert_int_equal(config->steps.count, 0);
	assert_int_equal(config->boot.deadline_ms, 1800000);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(least_configuration_gets_its_defaults),
		cmocka_unit_test(full_configuration_is_taken),
		cmocka_unit_test(steps_keep_their_order_and_their_defaults),
		cmocka_unit_test(null_restores_the_default),
		cmocka_unit_test(remarks_are_allowed_anywhere),
		cmocka_unit_test(empty_lists_and_sections_say_nothing),
	};

	return cmocka_run_group_tests_name("config_config", tests, NULL, NULL);
}
