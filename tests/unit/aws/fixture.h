/* SPDX-License-Identifier: MIT */
#ifndef TESTS_AWS_FIXTURE_H
#define TESTS_AWS_FIXTURE_H

#include "aws/aws.h"
#include "base/memory.h"
#include "base/text.h"
#include "metadata/imds.h"
#include "net/fixture.h"

#include <stdlib.h>

/* What a canned server says where a role has keys. */
#define ROLE_REPLIES(token)                                                        \
	{ .request = "PUT ", .status = 200, .body = "t" },                         \
		{ .request = "GET /latest/meta-data/iam/security-credentials/ ",   \
		  .status = 200,                                                   \
		  .body = "role" },                                                \
	{                                                                          \
		.request = "GET ", .status = 200,                                  \
		.body = "{\"AccessKeyId\": \"ASIA\", \"SecretAccessKey\": \"s\", " \
			"\"Token\": \"" token                                      \
			"\", \"Expiration\": \"2099-01-01T00:00:00Z\"}"            \
	}

/* AWS and the instance metadata of one instance: one canned server is both. */
struct aws_fixture {
	struct net_fixture *net;
	struct imds imds;
	struct aws aws;
};

/* Keys as the environment gives them; NULL: none, or no token. */
static inline void aws_fixture_set_keys(const char *access_key, const char *token)
{
	if (access_key)
		assert_int_equal(setenv("AWS_ACCESS_KEY_ID", access_key, 1), 0);
	else
		assert_int_equal(unsetenv("AWS_ACCESS_KEY_ID"), 0);
	if (access_key)
		assert_int_equal(setenv("AWS_SECRET_ACCESS_KEY", "secret", 1), 0);
	else
		assert_int_equal(unsetenv("AWS_SECRET_ACCESS_KEY"), 0);
	if (token)
		assert_int_equal(setenv("AWS_SESSION_TOKEN", token, 1), 0);
	else
		assert_int_equal(unsetenv("AWS_SESSION_TOKEN"), 0);
}

static inline void aws_fixture_begin(struct aws_fixture *fixture, void **state,
				     const struct canned_reply *replies)
{
	autofree char *endpoint = NULL;
	struct error err;

	*fixture = (struct aws_fixture){ .net = *state };
	assert_int_equal(canned_start(&fixture->net->canned, replies), 0);
	endpoint = text_format("%s//", fixture->net->canned.url);
	assert_int_equal(setenv("AWS_ENDPOINT_URL", endpoint, 1), 0);
	assert_int_equal(setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT",
				fixture->net->canned.url, 1),
			 0);
	assert_int_equal(imds_init(&fixture->imds, &fixture->net->loop,
				   fixture->net->http, &err),
			 0);
	aws_init(&fixture->aws, &fixture->net->loop, fixture->net->http, &fixture->imds);
	aws_set_region(&fixture->aws, "ap-northeast-2", "amazonaws.com");
}

static inline void aws_fixture_end(struct aws_fixture *fixture)
{
	aws_done(&fixture->aws);
	imds_done(&fixture->imds);
	canned_stop(&fixture->net->canned);
}

#endif
