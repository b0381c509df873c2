/* SPDX-License-Identifier: MIT */
#include "metadata/metadata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "metadata/imds.h"
#include "net/fixture.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* What the instance knows of itself, told by a metadata service with all its moods. */

#define TOKEN                                                                          \
	{                                                                              \
		.request = "PUT /latest/api/token ", .status = 200, .body = "secret-1" \
	}
#define DOMAIN                                                                      \
	{                                                                           \
		.request = "GET /latest/meta-data/services/domain ", .status = 200, \
		.body = "amazonaws.com\n"                                           \
	}
#define DOCUMENT_PATH "GET /latest/dynamic/instance-identity/document "
#define DOCUMENT                                                          \
	{                                                                 \
		.request = DOCUMENT_PATH, .status = 200, .body = document \
	}

static const char document[] =
	"{\n  \"accountId\" : \"123456789012\",\n  \"architecture\" : \"x86_64\",\n"
	"  \"availabilityZone\" : \"ap-northeast-2a\",\n  \"billingProducts\" : null,\n"
	"  \"imageId\" : \"ami-0123456789abcdef0\",\n"
	"  \"instanceId\" : \"i-0123456789abcdef0\",\n"
	"  \"instanceType\" : \"t3.micro\",\n"
	"  \"pendingTime\" : \"2026-11-24T05:57:28Z\",\n"
	"  \"region\" : \"ap-northeast-2\",\n  \"version\" : \"2017-09-30\"\n}";

static int fetch(struct net_fixture *net, const struct canned_reply *replies,
		 int64_t timeout_ms, struct metadata **ret_metadata, struct error *err)
{
	struct imds imds;
	int result;

	assert_int_equal(canned_start(&net->canned, replies), 0);
	assert_int_equal(setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", net->canned.url, 1),
			 0);
	assert_int_equal(imds_init(&imds, &net->loop, net->http, err), 0);
	result = metadata_fetch(&imds, deadline_in(timeout_ms), ret_metadata, err);
	imds_done(&imds);
	return result;
}

static void everything_is_told(void **state)
{
	static const struct canned_reply replies[] = {
		TOKEN,
		DOCUMENT,
		DOMAIN,
		{ 0 },
	};
	struct net_fixture *net = *state;
	struct metadata *metadata = NULL;
	struct error err = { 0 };

	assert_int_equal(fetch(net, replies, 5000, &metadata, &err), 0);
	assert_string_equal(metadata->instance_id, "i-0123456789abcdef0");
	assert_string_equal(metadata->instance_type, "t3.micro");
	assert_string_equal(metadata->image_id, "ami-0123456789abcdef0");
	assert_string_equal(metadata->availability_zone, "ap-northeast-2a");
	assert_string_equal(metadata->region, "ap-northeast-2");
	assert_string_equal(metadata->pending_time, "2026-11-24T05:57:28Z");
	assert_string_equal(metadata->domain, "amazonaws.com");
	metadata_free(metadata);
	metadata_free(NULL);
	/* one token for all, and in the header of each */
	assert_int_equal(canned_count(&net->canned, "PUT "), 1);
	assert_int_equal(canned_count(&net->canned, "X-aws-ec2-metadata-token: secret-1"),
			 2);
}

static void launch_time_is_a_time_or_unknown(void **state)
{
	char text[] = "{\"instanceId\": \"i-1\", \"instanceType\": \"t\", "
		      "\"imageId\": \"ami-1\", \"availabilityZone\": \"z\", "
		      "\"region\": \"r\", \"pendingTime\": \"2026-11-24T05:57:28Z\"}";
	struct metadata *metadata = NULL;
	struct error err = { 0 };

	(void)state;
	assert_int_equal(metadata_parse_document(text, &metadata, &err), 0);
	assert_string_equal(metadata->pending_time, "2026-11-24T05:57:28Z");
	assert_null(metadata->domain);
	metadata_free(metadata);
	memcpy(strstr(text, "11-24"), "02-30", 5);
	assert_int_equal(metadata_parse_document(text, &metadata, &err), 0);
	assert_null(metadata->pending_time);
	metadata_free(metadata);
}

static void partition_is_known_where_it_is_not_told(void **state)
{
	static const struct canned_reply replies[] = {
		TOKEN,    { .request = DOCUMENT_PATH, .times = 1, .status = 404 },
		DOCUMENT, { .request = "GET ", .status = 404 },
		{ 0 },
	};
	struct metadata *metadata = NULL;
	struct error err = { 0 };

	assert_int_equal(fetch(*state, replies, 5000, &metadata, &err), 0);
	assert_string_equal(metadata->domain, "amazonaws.com");
	metadata_free(metadata);
}

static void transient_failures_are_tried_again(void **state)
{
	static const struct canned_reply replies[] = {
		TOKEN,
		{ .request = DOCUMENT_PATH, .times = 1, .status = 500 },
		{ .request = DOCUMENT_PATH, .times = 1, .status = 200, .body = "" },
		{ .request = DOCUMENT_PATH, .times = 1, .status = 200, .body = "<html>" },
		DOCUMENT,
		DOMAIN,
		{ 0 },
	};
	struct net_fixture *net = *state;
	struct metadata *metadata = NULL;
	struct error err = { 0 };

	assert_int_equal(fetch(net, replies, 5000, &metadata, &err), 0);
	metadata_free(metadata);
	assert_int_equal(canned_count(&net->canned, DOCUMENT_PATH), 4);
}

/*
 * One refused answer and its sentence; nothing may be left behind. -ETIME: it was asked
 * for again until the time was over.
 */
static void assert_refused(struct net_fixture *net, const struct canned_reply *replies,
			   int code, const char *sentence)
{
	struct metadata *metadata = NULL;
	struct error err = { 0 };

	assert_int_equal(fetch(net, replies, 150, &metadata, &err), code);
	assert_int_equal(err.code, code);
	assert_string_equal(err.text, sentence);
	assert_null(metadata);
}

static void what_could_not_be_a_name_is_refused(void **state)
{
	static const struct canned_reply replies[] = {
		TOKEN,
		{ .request = DOCUMENT_PATH,
		  .status = 200,
		  .body = "{\"instanceId\": \"../../etc\", \"region\": \"r\"}" },
		{ 0 },
	};

	assert_refused(*state, replies, -ETIME,
		       "the identity document has no usable 'instanceId'");
}

static void missing_member_is_refused(void **state)
{
	static const struct canned_reply replies[] = {
		TOKEN,
		{ .request = DOCUMENT_PATH,
		  .status = 200,
		  .body = "{\"instanceId\": \"i-1\", \"instanceType\": \"t\", "
			  "\"imageId\": \"ami-1\", \"availabilityZone\": \"z\", "
			  "\"region\": null}" },
		{ 0 },
	};

	assert_refused(*state, replies, -ETIME,
		       "the identity document has no usable 'region'");
}

static void empty_value_is_no_value(void **state)
{
	static const struct canned_reply replies[] = {
		TOKEN,
		DOCUMENT,
		{ .request = "GET /latest/meta-data/services/domain ",
		  .status = 200,
		  .body = " \n" },
		{ 0 },
	};

	assert_refused(*state, replies, -ETIME,
		       "'meta-data/services/domain' has an unusable value");
}

static void value_for_a_url_is_checked(void **state)
{
	static const struct canned_reply replies[] = {
		TOKEN,
		DOCUMENT,
		{ .request = "GET /latest/meta-data/services/domain ",
		  .status = 200,
		  .body = "evil.example/?" },
		{ 0 },
	};

	assert_refused(*state, replies, -ETIME,
		       "'meta-data/services/domain' has an unusable value");
}

static void switched_off_is_told_at_once(void **state)
{
	static const struct canned_reply replies[] = {
		{ .request = "PUT ", .status = 403 },
		{ 0 },
	};
	struct net_fixture *net = *state;

	assert_refused(net, replies, -EACCES,
		       "the metadata service refuses (403): it is switched off for this "
		       "instance; set HttpEndpoint to enabled");
	assert_int_equal(canned_count(&net->canned, "PUT "), 1);
}

static void last_failure_is_the_reason_when_time_is_over(void **state)
{
	static const struct canned_reply replies[] = {
		TOKEN,
		{ .request = DOCUMENT_PATH, .status = 503 },
		{ 0 },
	};

	assert_refused(*state, replies, -ETIME,
		       "the metadata service answered 503 for "
		       "'dynamic/instance-identity/document'");
}

static void server_may_ask_for_patience(void **state)
{
	static const struct canned_reply replies[] = {
		TOKEN,
		{ .request = DOCUMENT_PATH,
		  .status = 503,
		  .headers = "Retry-After: 60\r\n" },
		{ 0 },
	};
	struct net_fixture *net = *state;

	/* more than there is: no second try */
	assert_refused(net, replies, -ETIME,
		       "the metadata service answered 503 for "
		       "'dynamic/instance-identity/document'");
	assert_int_equal(canned_count(&net->canned, DOCUMENT_PATH), 1);
}

static void token_that_never_comes_points_to_the_hop_limit(void **state)
{
	static const struct canned_reply replies[] = {
		{ .request = "PUT ", .is_silent = true },
		{ 0 },
	};

	assert_refused(*state, replies, -ETIME,
		       "the metadata service takes connections but gives no token: in a "
		       "container, raise HttpPutResponseHopLimit to 2");
}

static void stand_in_says_who_we_are(void **state)
{
	struct metadata *metadata = NULL;
	struct error err = { 0 };

	(void)state;
	assert_int_equal(metadata_parse("{\"id\": \"i-1\", \"type\": \"t3.micro\", "
					"\"image_id\": \"ami-1\", "
					"\"availability_zone\": \"cn-north-1a\", "
					"\"region\": \"cn-north-1\"}",
					&metadata, &err),
			 0);
	assert_string_equal(metadata->instance_id, "i-1");
	assert_string_equal(metadata->instance_type, "t3.micro");
	assert_string_equal(metadata->image_id, "ami-1");
	assert_string_equal(metadata->availability_zone, "cn-north-1a");
	assert_string_equal(metadata->region, "cn-north-1");
	assert_string_equal(metadata->domain, "amazonaws.com.cn");
	assert_null(metadata->pending_time);
	metadata_free(metadata);
}

static const struct {
	const char *text, *sentence;
} stand_ins[] = {
	{ "[]", "a JSON object is expected" },
	{ "{\"region\": \"r\"}",
	  "'id' is missing, or is not a text of letters, digits, '.', '_' and '-'" },
	{ "{\"id\": \"../x\"}",
	  "'id' is missing, or is not a text of letters, digits, '.', '_' and '-'" },
	{ "{\"id\": \"i-1\", \"zone\": \"z\"}",
	  "'zone' is no key of it: id, type, image_id, availability_zone and region "
	  "are" },
};

static void wrong_stand_ins_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(stand_ins) / sizeof(stand_ins[0]); i++) {
		struct metadata *metadata = NULL;
		struct error err = { 0 };

		assert_int_equal(metadata_parse(stand_ins[i].text, &metadata, &err),
				 -EINVAL);
		assert_string_equal(err.text, stand_ins[i].sentence);
		assert_null(metadata);
	}
}

static void signal_ends_it(void **state)
{
	static const struct canned_reply replies[] = {
		{ .request = "PUT ", .is_silent = true },
		{ 0 },
	};

	assert_int_equal(raise(SIGTERM), 0);
	assert_refused(*state, replies, -ECANCELED, "interrupted by SIGTERM");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(everything_is_told),
		cmocka_unit_test(launch_time_is_a_time_or_unknown),
		net_test(partition_is_known_where_it_is_not_told),
		net_test(transient_failures_are_tried_again),
		net_test(what_could_not_be_a_name_is_refused),
		net_test(missing_member_is_refused),
		net_test(empty_value_is_no_value),
		net_test(value_for_a_url_is_checked),
		net_test(switched_off_is_told_at_once),
		net_test(last_failure_is_the_reason_when_time_is_over),
		net_test(server_may_ask_for_patience),
		net_test(token_that_never_comes_points_to_the_hop_limit),
		cmocka_unit_test(stand_in_says_who_we_are),
		cmocka_unit_test(wrong_stand_ins_are_refused),
		net_test(signal_ends_it),
	};

	return cmocka_run_group_tests_name("metadata_metadata", tests, NULL, NULL);
}
