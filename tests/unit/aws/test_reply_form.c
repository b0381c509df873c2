/* SPDX-License-Identifier: MIT */
#include "aws/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aws/aws.h"
#include "base/error.h"
#include "base/json.h"

#include <errno.h>
#include <string.h>

/* JSON that is no object is no reply: nothing of it is kept. */

static const struct aws_service ssm = { .signing_name = "ssm",
					.target_prefix = "AmazonSSM" };

static void only_an_object_is_a_reply(void **state)
{
	static const char *const texts[] = {
		"[\"a secret\"]", "\"a secret\"", "null", "5", "{", ""
	};
	struct aws_reply reply;
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(aws_reply_read(&reply, &ssm, 200, texts[i],
						strlen(texts[i]), &err),
				 -EPROTO);
		assert_string_equal(err.text,
				    "the answer is not the JSON that AWS sends");
		assert_null(reply.document);
		assert_null(reply.code);
		aws_reply_done(&reply);
	}
	assert_int_equal(aws_reply_read(&reply, &ssm, 200, "{}", 2, &err), 0);
	assert_non_null(reply.document);
	aws_reply_done(&reply);
	assert_null(reply.document);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_an_object_is_a_reply),
	};

	return cmocka_run_group_tests_name("aws_reply_form", tests, NULL, NULL);
}
