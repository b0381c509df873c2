/* SPDX-License-Identifier: MIT */
#include "aws/reply.h"

#include "aws/aws.h"
#include "aws/skew.h"
#include "base/json.h"
#include "heap.h"
#include "invariants.h"

/*
 * Replies of AWS: the first byte says in which protocol and with which status, the rest
 * is the body. A refusal becomes one line; a secret is in no complaint, and in no block
 * that is given back to the heap.
 */

static const struct aws_service services[] = {
	{ .signing_name = "autoscaling", .api_version = "2011-01-01" },
	{ .signing_name = "ssm", .target_prefix = "AmazonSSM" },
};

static const long statuses[] = { 200, 400, 403, 429, 500, 503, 200, 413 };

struct input {
	const struct aws_service *service;
	long status;
	const char *body;
	size_t length_bytes;
};

/* The first text that stands under a secret's name. */
static const char *find_secret(struct json_object *value)
{
	const char *secret = NULL;

	if (json_object_is_type(value, json_type_array))
		for (size_t i = 0; !secret && i < json_object_array_length(value); i++)
			secret = find_secret(json_object_array_get_idx(value, i));
	if (!json_object_is_type(value, json_type_object))
		return secret;
	secret = json_string(value, "SecretString");
	if (!secret)
		secret = json_string(value, "Value");
	json_object_object_foreach(value, name, member) {
		(void)name;
		if (!secret)
			secret = find_secret(member);
	}
	return secret;
}

/* NULL: there is none to be guarded. The caller frees it. */
static char *secret_of(const struct input *input)
{
	autojson struct json_object *document = NULL;
	struct error ignored;

	if (!input->service->target_prefix ||
	    json_parse(input->body, input->length_bytes, "it", &document, &ignored) < 0)
		return NULL;
	return heap_secret(input->body, find_secret(document));
}

static void check_read(const struct input *input, const struct aws_reply *reply,
		       int result, const struct error *err)
{
	bool is_json = input->service->target_prefix;

	assert(!reply->document ||
	       (is_json && json_object_is_type(reply->document, json_type_object)));
	assert(!is_json || reply->xml.count == 0);
	if (result < 0)
		check_error(result, err);
	else
		assert(input->status == 200 && (reply->document || reply->xml.count > 0));
	if (reply->code)
		(void)skew_is_meant(reply->code, reply->message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	autofree char *text = input_copy(data, size_bytes);
	autofree char *secret = NULL;
	struct aws_reply reply, twin;
	struct error err = { 0 }, twin_err = { 0 };
	struct input input;
	int result, again;

	if (size_bytes == 0)
		return 0;
	input = (struct input){ &services[data[0] % 2], statuses[data[0] / 2 % 8],
				text + 1, size_bytes - 1 };
	secret = secret_of(&input);
	heap_guard(secret);
	result = aws_reply_read(&reply, input.service, input.status, input.body,
				input.length_bytes, &err);
	check_read(&input, &reply, result, &err);
	aws_reply_done(&reply);
	heap_guard(NULL);
	assert(!secret || !strstr(err.text, secret));
	assert(!reply.document && !reply.code && reply.xml.count == 0);
	again = aws_reply_read(&twin, input.service, input.status, input.body,
			       input.length_bytes, &twin_err);
	check_same(result, &err, again, &twin_err);
	aws_reply_done(&twin);
	return 0;
}
