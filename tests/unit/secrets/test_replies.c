/* SPDX-License-Identifier: MIT */
#include "secrets/replies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "secrets/secrets_types.h"

#include <errno.h>
#include <string.h>

/* AWS's answers, and what of them is kept or refused. No text repeats a value. */

static struct json_object *parse(const char *text)
{
	struct json_object *document = NULL;
	struct error err;

	assert_int_equal(json_parse(text, strlen(text), "test", &document, &err), 0);
	return document;
}

static struct secret asked_for(const char *text)
{
	struct secret secret = { .text = text,
				 .key = text_copy("source.token_parameter"),
				 .is_wanted = true };

	assert_int_equal(secret_name_parse(text, &secret.name), 0);
	return secret;
}

static void done(struct secrets *secrets)
{
	for (size_t i = 0; i < secrets->count; i++) {
		free(secrets->items[i].key);
		secret_name_done(&secrets->items[i].name);
		text_wipe(secrets->items[i].value);
	}
	for (size_t i = 0; i < secrets->variables.count; i++)
		text_wipe(secrets->variables.items[i]);
	free(secrets->variables.items);
	free(secrets->next_page);
}

static void parameters_are_matched(void **state)
{
	struct secret items[] = {
		asked_for("/a/key"),
		asked_for("/a/key:3"),
		asked_for("arn:aws:ssm:eu-west-1:123456789012:parameter/b"),
		asked_for("/a/key"),
	};
	struct secrets secrets = { .items = items, .count = 4 };
	autojson struct json_object *reply = parse(
		"{\"Parameters\": [{\"Name\": \"/a/key\", \"Value\": \"one\"},"
		"{\"Name\": \"/a/key\", \"Selector\": \":3\", \"Value\": \"three\"},"
		"{\"Name\": \"/b\", \"Value\": \"far\","
		"\"ARN\": \"arn:aws:ssm:eu-west-1:123456789012:parameter/b\"},"
		"{\"Name\": \"/a/other\", \"Value\": \"not asked for\"}]}");
	struct error err;

	(void)state;
	assert_int_equal(replies_take_parameters(&secrets, reply, &err), 0);
	assert_string_equal(items[0].value, "one");
	assert_string_equal(items[1].value, "three");
	assert_string_equal(items[2].value, "far");
	assert_string_equal(items[3].value, "one");
	done(&secrets);
}

static void a_parameter_that_is_not_there(void **state)
{
	struct secret items[] = { asked_for("/a/key"), asked_for("/b") };
	struct secrets secrets = { .items = items, .count = 2 };
	autojson struct json_object *reply =
		parse("{\"Parameters\": [],"
		      "\"InvalidParameters\": [\"/a/key\", \"/b\"]}");
	struct error err;

	(void)state;
	assert_int_equal(replies_take_parameters(&secrets, reply, &err), -ENOENT);
	assert_string_equal(err.text,
			    "the Parameter Store of this region has no '/a/key' "
			    "(source.token_parameter), '/b' (source.token_parameter): "
			    "create it, or correct the name");
	done(&secrets);
}

static void an_answer_to_another_question(void **state)
{
	static const char *const replies[] = {
		"{}",
		"[]",
		"{\"Parameters\": 1}",
		"{\"Parameters\": [1, null, {}]}",
		"{\"Parameters\": [{\"Name\": \"/a/key:3\", \"Value\": \"hunter2\"}]}",
	};
	struct secret items[] = { asked_for("/a/key") };
	struct secrets secrets = { .items = items, .count = 1 };
	struct error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(replies); i++) {
		autojson struct json_object *reply = parse(replies[i]);

		assert_int_equal(replies_take_parameters(&secrets, reply, &err), -EPROTO);
		assert_null(strstr(err.text, "hunter2"));
	}
	done(&secrets);
}

static void a_parameter_without_text(void **state)
{
	struct secret items[] = { asked_for("/a/key") };
	struct secrets secrets = { .items = items, .count = 1 };
	autojson struct json_object *reply = parse(
		"{\"Parameters\": [{\"Name\": \"/a/key\", \"Value\": \"a\\u0000b\"}]}");
	struct error err;

	(void)state;
	assert_int_equal(replies_take_parameters(&secrets, reply, &err), -EINVAL);
	assert_string_equal(err.text, "'/a/key' (source.token_parameter) holds no text");
	done(&secrets);
}

static void pages_become_variables(void **state)
{
	struct secrets secrets = { .group = "/env/" };
	autojson struct json_object *first =
		parse("{\"Parameters\": [{\"Name\": \"/env/ONE\", \"Value\": \"1=1\"}],"
		      "\"NextToken\": \"next\"}");
	autojson struct json_object *empty =
		parse("{\"Parameters\": [], \"NextToken\": \"more\"}");
	autojson struct json_object *last =
		parse("{\"Parameters\": [{\"Name\": \"/env/TWO\", \"Value\": \"\"}]}");
	struct error err;

	(void)state;
	assert_int_equal(replies_take_page(&secrets, first, &err), 0);
	assert_string_equal(secrets.next_page, "next");
	assert_int_equal(replies_take_page(&secrets, empty, &err), 0);
	assert_string_equal(secrets.next_page, "more");
	assert_false(secrets.is_group_known);
	assert_int_equal(replies_take_page(&secrets, last, &err), 0);
	assert_true(secrets.is_group_known);
	assert_null(secrets.next_page);
	assert_int_equal(secrets.variables.count, 2);
	assert_string_equal(secrets.variables.items[0], "ONE=1=1");
	assert_string_equal(secrets.variables.items[1], "TWO=");
	assert_null(secrets.variables.items[2]);
	done(&secrets);
}

static void what_is_no_variable_is_refused(void **state)
{
	static const struct {
		const char *reply;
		int code;
		const char *sentence;
	} rows[] = {
		{ "{\"Parameters\": []}", -ENOENT,
		  "there is nothing below '/env/' "
		  "(application.environment_parameters): "
		  "create the parameters, or remove the key" },
		{ "{\"Parameters\": [{\"Name\": \"/env/A-B\", \"Value\": \"hunter2\"}]}",
		  -EINVAL,
		  "below '/env/' (application.environment_parameters) 'A-B' can be no "
		  "variable's name: rename it to letters, digits and '_'" },
		{ "{\"Parameters\": [{\"Name\": \"/env/A\", \"Value\": \"hunter2\\r\"}]}",
		  -EINVAL,
		  "below '/env/' (application.environment_parameters) the value of 'A' "
		  "is no text that a variable can hold: no control characters but tab "
		  "and line end" },
		{ "{\"Parameters\": [{\"Name\": \"/env/LD_PRELOAD\", \"Value\": \"x\"}]}",
		  -EINVAL,
		  "below '/env/' (application.environment_parameters) 'LD_PRELOAD' is "
		  "not for parameters to set: LD_* changes what programs are, "
		  "BOOTAGENT_* is the agent's; remove it" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct secrets secrets = { .group = "/env/" };
		autojson struct json_object *reply = parse(rows[i].reply);
		struct error err;

		assert_int_equal(replies_take_page(&secrets, reply, &err), rows[i].code);
		assert_string_equal(err.text, rows[i].sentence);
		done(&secrets);
	}
}

static void a_secret_is_its_text(void **state)
{
	struct secret items[] = { asked_for("/aws/reference/secretsmanager/k") };
	struct secrets secrets = { .items = items, .count = 1 };
	autojson struct json_object *reply =
		parse("{\"SecretString\": \"{\\\"a\\\":1}\"}");
	autojson struct json_object *binary = parse("{\"SecretBinary\": \"AAAA\"}");
	struct error err;

	(void)state;
	assert_int_equal(replies_take_secret(&items[0], reply, &err), 0);
	assert_string_equal(items[0].value, "{\"a\":1}");
	assert_int_equal(replies_take_secret(&items[0], binary, &err), -EINVAL);
	done(&secrets);
}

static void or_a_key_of_it(void **state)
{
	struct secret items[] = { asked_for("/aws/reference/secretsmanager/k:a") };
	struct secrets secrets = { .items = items, .count = 1 };
	autojson struct json_object *reply =
		parse("{\"SecretString\": \"{\\\"a\\\":\\\"one\\\",\\\"b\\\":1}\"}");
	autojson struct json_object *other =
		parse("{\"SecretString\": \"{\\\"c\\\":\\\"hunter2\\\"}\"}");
	autojson struct json_object *plain = parse("{\"SecretString\": \"hunter2\"}");
	struct error err;

	(void)state;
	assert_int_equal(replies_take_secret(&items[0], reply, &err), 0);
	assert_string_equal(items[0].value, "one");
	assert_int_equal(replies_take_secret(&items[0], other, &err), -EINVAL);
	assert_null(strstr(err.text, "hunter2"));
	assert_int_equal(replies_take_secret(&items[0], plain, &err), -EINVAL);
	assert_null(strstr(err.text, "hunter2"));
	done(&secrets);
}

static void a_secret_of_variables(void **state)
{
	struct secrets secrets = { .group = "/aws/reference/secretsmanager/env" };
	autojson struct json_object *reply = parse(
		"{\"SecretString\": \"{\\\"ONE\\\":\\\"1\\\",\\\"TWO\\\":\\\"2\\\"}\"}");
	autojson struct json_object *bad =
		parse("{\"SecretString\": \"{\\\"A\\\":[1]}\"}");
	autojson struct json_object *ports =
		parse("{\"SecretString\": \"{\\\"PORT\\\":3306,\\\"TLS\\\":true}\"}");
	struct error err;

	(void)state;
	assert_int_equal(replies_take_group(&secrets, reply, &err), 0);
	assert_true(secrets.is_group_known);
	assert_int_equal(secrets.variables.count, 2);
	assert_int_equal(replies_take_group(&secrets, ports, &err), 0);
	assert_string_equal(secrets.variables.items[2], "PORT=3306");
	assert_string_equal(secrets.variables.items[3], "TLS=true");
	assert_int_equal(replies_take_group(&secrets, bad, &err), -EINVAL);
	assert_string_equal(
		err.text,
		"in '/aws/reference/secretsmanager/env' "
		"(application.environment_parameters) 'A' is no text, number, "
		"true or false: a variable holds one of these");
	done(&secrets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters_are_matched),
		cmocka_unit_test(a_parameter_that_is_not_there),
		cmocka_unit_test(an_answer_to_another_question),
		cmocka_unit_test(a_parameter_without_text),
		cmocka_unit_test(pages_become_variables),
		cmocka_unit_test(what_is_no_variable_is_refused),
		cmocka_unit_test(a_secret_is_its_text),
		cmocka_unit_test(or_a_key_of_it),
		cmocka_unit_test(a_secret_of_variables),
	};

	return cmocka_run_group_tests_name("replies", tests, NULL, NULL);
}
