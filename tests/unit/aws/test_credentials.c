/* SPDX-License-Identifier: MIT */
#include "aws/credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "metadata/imds.h"
#include "net/fixture.h"

#include <errno.h>
#include <string.h>

/* Keys: from the environment as every AWS tool takes them, else from the role. */

#define TOKEN                                                 \
	{                                                     \
		.request = "PUT ", .status = 200, .body = "t" \
	}
#define ROLES "GET /latest/meta-data/iam/security-credentials/ "
#define KEYS "GET /latest/meta-data/iam/security-credentials/"

static void set(const char *access_key, const char *secret_key, const char *token)
{
	static const char *const names[] = { "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
					     "AWS_SESSION_TOKEN" };
	const char *const values[] = { access_key, secret_key, token };

	for (size_t i = 0; i < 3; i++) {
		if (values[i])
			assert_int_equal(setenv(names[i], values[i], 1), 0);
		else
			assert_int_equal(unsetenv(names[i]), 0);
	}
}

static void environment_comes_first(void **state)
{
	struct credentials credentials;

	(void)state;
	set("AKID", "secret", "token");
	credentials_init(&credentials, NULL);
	assert_string_equal(credentials.access_key, "AKID");
	assert_string_equal(credentials.secret_key, "secret");
	assert_string_equal(credentials.session_token, "token");
	assert_true(credentials_are_fresh(&credentials));
	credentials_done(&credentials);
	assert_false(credentials_are_fresh(&credentials));
	credentials_done(&credentials);
}

static void environment_must_be_whole(void **state)
{
	static const char *const pairs[][2] = {
		{ NULL, NULL },   { "AKID", NULL }, { NULL, "secret" },
		{ "", "secret" }, { "AKID", "" },
	};
	struct credentials credentials;
	struct imds imds = { 0 };
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		set(pairs[i][0], pairs[i][1], "token");
		credentials_init(&credentials, &imds);
		assert_false(credentials_are_fresh(&credentials));
		assert_null(credentials.session_token);
		if (i > 0) {
			/* nor is it the role that was meant */
			assert_int_equal(credentials_start(&credentials, deadline_in(1),
							   NULL, NULL, &err),
					 -EINVAL);
			assert_string_equal(err.text,
					    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
					    "belong together: set both or neither");
		}
		credentials_done(&credentials);
	}
	/* an empty token is none: it would be a header without a value */
	set("AKID", "secret", "");
	credentials_init(&credentials, NULL);
	assert_true(credentials_are_fresh(&credentials));
	assert_null(credentials.session_token);
	credentials_done(&credentials);
}

static void they_are_fresh_for_five_minutes_more(void **state)
{
	struct credentials credentials = { .access_key = (char *)"AKID" };

	(void)state;
	assert_true(credentials_are_fresh(&credentials));
	credentials.expires_at_ms = clock_realtime_ms() + 310000;
	assert_true(credentials_are_fresh(&credentials));
	credentials.expires_at_ms = clock_realtime_ms() + 290000;
	assert_false(credentials_are_fresh(&credentials));
	credentials.expires_at_ms = 1;
	assert_false(credentials_are_fresh(&credentials));
}

/* ---- the role's, from a canned metadata service */

struct told {
	bool is_done;
	int result;
	struct error err;
};

static void reply_with_keys_replaces_them_whole(void **state)
{
	static const char role[] =
		"{\"Code\": \"Success\", \"AccessKeyId\": \"AKIA-new\", "
		"\"SecretAccessKey\": \"secret-new\", "
		"\"Token\": \"token-new\", "
		"\"Expiration\": \"2037-01-01T00:00:00Z\"}";
	static const char *const others[] = {
		"",
		"<html>secret-new</html>",
		"[\"secret-new\"]",
		"{\"Code\": \"Failed\", \"SecretAccessKey\": \"secret-new\"}",
		"{\"AccessKeyId\": \"a\", \"SecretAccessKey\": \"secret-new\", "
		"\"Token\": \"t\"}",
		"{\"AccessKeyId\": \"a\", \"SecretAccessKey\": \"secret-new\", "
		"\"Token\": \"t\\r\\nx: y\", \"Expiration\": \"2037-01-01T00:00:00Z\"}",
		"{\"AccessKeyId\": \"a\", \"SecretAccessKey\": \"secret-new\", "
		"\"Token\": \"t\", \"Expiration\": \"2037-02-30T00:00:00Z\"}",
	};
	struct credentials credentials;

	(void)state;
	set("AKID", "secret", NULL);
	credentials_init(&credentials, NULL);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct error err = { 0 };

		assert_int_equal(credentials_read(&credentials, others[i], &err),
				 -EPROTO);
		assert_null(strstr(err.text, "secret"));
		assert_string_equal(credentials.secret_key, "secret");
	}
	{
		struct error err = { 0 };

		assert_int_equal(credentials_read(&credentials, role, &err), 0);
	}
	assert_string_equal(credentials.access_key, "AKIA-new");
	assert_string_equal(credentials.secret_key, "secret-new");
	assert_string_equal(credentials.session_token, "token-new");
	assert_int_equal(credentials.expires_at_ms, INT64_C(2114380800000));
	credentials_done(&credentials);
}

static void first_role_is_meant(void **state)
{
	static const char *const others[] = { ".",   "..\n", "",    "\n",
					      "a/b", "..?",  "a b", "<html>" };
	char longest[] =
		"0123456789012345678901234567890123456789012345678901234567890123"
		"4";
	struct error err = { 0 };
	char *path = NULL;

	(void)state;
	assert_int_equal(credentials_role_path("api+x@y\r\nother\n", &path, &err), 0);
	assert_string_equal(path, "meta-data/iam/security-credentials/api+x@y");
	free(path);
	assert_int_equal(credentials_role_path("..a", &path, &err), 0);
	free(path);
	assert_int_equal(credentials_role_path(longest + 1, &path, &err), 0);
	free(path);
	assert_int_equal(credentials_role_path(longest, &path, &err), -EPROTO);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(credentials_role_path(others[i], &path, &err), -EPROTO);
}

static void on_done(int result, const struct error *err, void *userdata)
{
	struct told *told = userdata;

	told->is_done = true;
	told->result = result;
	told->err = *err;
}

static bool is_done(const void *data)
{
	return ((const struct told *)data)->is_done;
}

static struct told fetch(struct net_fixture *net, const struct canned_reply *replies,
			 int64_t timeout_ms, struct credentials *ret_credentials)
{
	struct told told = { 0 };
	struct error err = { 0 };
	struct imds imds;

	set(NULL, NULL, NULL);
	assert_int_equal(canned_start(&net->canned, replies), 0);
	assert_int_equal(setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", net->canned.url, 1),
			 0);
	assert_int_equal(imds_init(&imds, &net->loop, net->http, &err), 0);
	credentials_init(ret_credentials, &imds);
	assert_int_equal(credentials_start(ret_credentials, deadline_in(timeout_ms),
					   on_done, &told, &err),
			 0);
	/* one at a time */
	assert_int_equal(credentials_start(ret_credentials, deadline_in(2000), on_done,
					   &told, &err),
			 -EBUSY);
	assert_int_equal(loop_wait(&net->loop, is_done, &told, deadline_in(5000), &err),
			 0);
	imds_done(&imds);
	return told;
}

static void role_gives_them(void **state)
{
	static const struct canned_reply replies[] = {
		TOKEN,
		{ .request = ROLES, .status = 200, .body = "my+role@x\nother\n" },
		{ .request = KEYS "my+role@x ",
		  .status = 200,
		  .body = "{\"Code\": \"Success\", \"AccessKeyId\": \"ASIA1\", "
			  "\"SecretAccessKey\": \"s/+\", \"Token\": \"tok==\", "
			  "\"Expiration\": \"2099-01-01T00:00:00Z\"}" },
		{ 0 },
	};
	struct credentials credentials;
	struct told told = fetch(*state, replies, 2000, &credentials);

	assert_int_equal(told.result, 0);
	assert_string_equal(credentials.access_key, "ASIA1");
	assert_string_equal(credentials.secret_key, "s/+");
	assert_string_equal(credentials.session_token, "tok==");
	assert_int_equal(credentials.expires_at_ms, INT64_C(4070908800000));
	assert_true(credentials_are_fresh(&credentials));
	credentials_done(&credentials);
}

static void assert_refused(struct net_fixture *net, struct canned_reply roles,
			   struct canned_reply keys, int code, const char *sentence)
{
	struct canned_reply replies[] = { TOKEN, roles, keys, { 0 } };
	struct credentials credentials;
	struct told told;

	replies[1].request = ROLES;
	replies[2].request = KEYS "role ";
	told = fetch(net, replies, 200, &credentials);
	assert_int_equal(told.result, code);
	assert_string_equal(told.err.text, sentence);
	assert_false(credentials_are_fresh(&credentials));
	credentials_done(&credentials);
	canned_stop(&net->canned);
}

static void what_is_unusable_is_refused(void **state)
{
	const struct canned_reply role = { .status = 200, .body = "role" };
	struct canned_reply reply = { .status = 404 };

	assert_refused(*state, reply, reply, -ENOKEY,
		       "the instance has no IAM role: attach an instance profile");
	assert_refused(*state, role, reply, -ENOKEY,
		       "the role 'role' has no keys yet: does its trust policy name "
		       "ec2.amazonaws.com?");
	reply = (struct canned_reply){ .status = 200, .body = "../../user-data" };
	assert_refused(*state, reply, reply, -ETIME,
		       "the instance's role has an unusable name");
	reply.body = "\nrole";
	assert_refused(*state, reply, reply, -ETIME,
		       "the instance's role has an unusable name");
	reply.body = "{\"Code\": \"Failed\"}";
	assert_refused(*state, role, reply, -ETIME,
		       "the role's credentials are not there: Failed");
	reply.body = "{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"s\", "
		     "\"Token\": \"t\\r\\nX: 1\"}";
	assert_refused(*state, role, reply, -ETIME,
		       "the role's credentials are incomplete");
}

static void given_up_fetch_calls_nobody(void **state)
{
	static const struct canned_reply replies[] = {
		{ .request = "PUT ", .is_silent = true },
		{ 0 },
	};
	struct net_fixture *net = *state;
	struct credentials credentials;
	struct told told = { 0 };
	struct error err = { 0 };
	struct imds imds;

	set(NULL, NULL, NULL);
	assert_int_equal(canned_start(&net->canned, replies), 0);
	assert_int_equal(setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", net->canned.url, 1),
			 0);
	assert_int_equal(imds_init(&imds, &net->loop, net->http, &err), 0);
	credentials_init(&credentials, &imds);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(credentials_start(&credentials, deadline_in(50), on_done,
						   &told, &err),
				 0);
		credentials_cancel(&credentials);
	}
	assert_int_equal(loop_pause(&net->loop, 20, &err), 0);
	assert_false(told.is_done);
	credentials_done(&credentials);
	imds_done(&imds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(environment_comes_first),
		cmocka_unit_test(environment_must_be_whole),
		cmocka_unit_test(they_are_fresh_for_five_minutes_more),
		cmocka_unit_test(reply_with_keys_replaces_them_whole),
		cmocka_unit_test(first_role_is_meant),
		net_test(role_gives_them),
		net_test(what_is_unusable_is_refused),
		net_test(given_up_fetch_calls_nobody),
	};

	return cmocka_run_group_tests_name("aws_credentials", tests, NULL, NULL);
}
