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
#include "base/memory.h"
#include "net/retry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What an answer means, in either protocol, read from a buffer. */

static const struct aws_service form_service = { .signing_name = "autoscaling",
						 .api_version = "2011-01-01" };
static const struct aws_service json_service = { .signing_name = "ssm",
						 .target_prefix = "AmazonSSM" };

static int read_text(const struct aws_service *service, long status, const char *body,
		     struct aws_reply *reply, struct error *err)
{
	return aws_reply_read(reply, service, status, body, strlen(body), err);
}

static const struct {
	long status;
	const char *body;
	int code;
	enum retry_class class;
	const char *sentence;
} refusals[] = {
	{ 400, "{\"__type\": \"ParameterNotFound\"}", -ENOENT, RETRY_PERMANENT,
	  "ParameterNotFound: " },
	{ 400,
	  "{\"__type\": \"com.amazonaws.ssm#ParameterNotFound\", \"message\": \"none\"}",
	  -ENOENT, RETRY_PERMANENT, "ParameterNotFound: none" },
	{ 400, "{\"__type\": \"ResourceNotFoundException\", \"Message\": \"can't find\"}",
	  -ENOENT, RETRY_PERMANENT, "ResourceNotFoundException: can't find" },
	{ 400,
	  "{\"__type\": \"AccessDeniedException:http://internal/\", \"Message\": \"no\"}",
	  -EACCES, RETRY_PERMANENT, "AccessDeniedException: no" },
	{ 400, "{\"__type\": \"a#UnrecognizedClientException\", \"message\": \"no\"}",
	  -EKEYEXPIRED, RETRY_PERMANENT, "UnrecognizedClientException: no" },
	{ 400, "{\"__type\": \"InvalidSignatureException\", \"message\": \"no\"}",
	  -EACCES, RETRY_PERMANENT, "InvalidSignatureException: no" },
	{ 400, "{\"__type\": \"ThrottlingException\", \"message\": \"Rate exceeded\"}",
	  -EBUSY, RETRY_THROTTLED, "ThrottlingException: Rate exceeded" },
	{ 400, "{\"__type\": \"ExpiredTokenException\"}", -EKEYEXPIRED, RETRY_PERMANENT,
	  "ExpiredTokenException: " },
	{ 400, "{\"__type\": \"ValidationException\", \"message\": \"x\\ny\"}", -EINVAL,
	  RETRY_PERMANENT, "ValidationException: x y" },
	{ 500, "{\"__type\": \"InternalServerError\", \"message\": 1}", -EAGAIN,
	  RETRY_TRANSIENT, "InternalServerError: " },
	{ 400, "{\"__type\": \"InternalServiceError\"}", -EAGAIN, RETRY_TRANSIENT,
	  "InternalServiceError: " },
	{ 403,
	  "{\"__type\": \"InvalidSignatureException\", \"message\": \"No match. "
	  "The Canonical String for this request should have been 'POST\"}",
	  -EACCES, RETRY_PERMANENT, "InvalidSignatureException: No match." },
	{ 403,
	  "{\"__type\": \"InvalidSignatureException\", \"message\": \"No match.\\n\\n"
	  "The String-to-Sign should have been 'AWS4\"}",
	  -EACCES, RETRY_PERMANENT, "InvalidSignatureException: No match." },
	{ 403, "{\"__type\": \"Odd\"}", -EACCES, RETRY_PERMANENT, "Odd: " },
	{ 400, "{\"__type\": \"Odd\"}", -EPROTO, RETRY_PERMANENT, "Odd: " },
	{ 400, "{\"__type\": 1}", -EPROTO, RETRY_PERMANENT, "ssm answered 400" },
	{ 400, "[\"__type\"]", -EPROTO, RETRY_PERMANENT, "ssm answered 400" },
	{ 403, "<html>", -EPROTO, RETRY_PERMANENT, "ssm answered 403" },
	{ 429, "", -EBUSY, RETRY_THROTTLED, "ssm answered 429" },
	{ 502, "<html>Bad gateway", -EAGAIN, RETRY_TRANSIENT, "ssm answered 502" },
	{ 200, "", -EPROTO, RETRY_PERMANENT,
	  "the answer is not the JSON that AWS sends" },
	{ 200, "[]", -EPROTO, RETRY_PERMANENT,
	  "the answer is not the JSON that AWS sends" },
	{ 200, "null", -EPROTO, RETRY_PERMANENT,
	  "the answer is not the JSON that AWS sends" },
	{ 200, "{\"Value\": \"half", -EPROTO, RETRY_PERMANENT,
	  "the answer is not the JSON that AWS sends" },
};

static void json_refusals_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(refusals); i++) {
		struct error err = { 0 };
		struct aws_reply reply;

		assert_int_equal(read_text(&json_service, refusals[i].status,
					   refusals[i].body, &reply, &err),
				 refusals[i].code);
		assert_string_equal(err.text, refusals[i].sentence);
		assert_int_equal(retry_class_of(aws_rules, err.code), refusals[i].class);
		aws_reply_done(&reply);
	}
}

static void good_replies_are_read(void **state)
{
	struct error err = { 0 };
	struct aws_reply reply;

	(void)state;
	assert_int_equal(read_text(&json_service, 200, "{\"Name\": \"n\"}", &reply, &err),
			 0);
	assert_string_equal(json_string(reply.document, "Name"), "n");
	assert_null(reply.code);
	aws_reply_done(&reply);
	aws_reply_done(&reply);
	assert_null(reply.document);
	assert_int_equal(read_text(&form_service, 200, "<R><a>1</a></R>", &reply, &err),
			 0);
	assert_string_equal(xml_find(&reply.xml, "R/a"), "1");
	assert_null(reply.document);
	aws_reply_done(&reply);
}

static void code_and_message_are_kept(void **state)
{
	struct error err = { 0 };
	struct aws_reply reply;

	(void)state;
	assert_int_equal(read_text(&form_service, 400,
				   "<E><Error><Code>Throttling</Code><Message>Rate"
				   "</Message></Error></E>",
				   &reply, &err),
			 -EBUSY);
	assert_string_equal(reply.code, "Throttling");
	assert_string_equal(reply.message, "Rate");
	aws_reply_done(&reply);
	assert_int_equal(read_text(&json_service, 400,
				   "{\"__type\": \"x#Y:z\", \"message\": \"m\"}", &reply,
				   &err),
			 -EPROTO);
	assert_string_equal(reply.code, "Y");
	assert_string_equal(reply.message, "m");
	aws_reply_done(&reply);
}

static void only_an_object_is_kept(void **state)
{
	static const char *const texts[] = {
		"[\"a secret\"]", "\"a secret\"", "null", "5", "{", ""
	};
	struct aws_reply reply;
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(read_text(&json_service, 200, texts[i], &reply, &err),
				 -EPROTO);
		assert_string_equal(err.text,
				    "the answer is not the JSON that AWS sends");
		assert_null(reply.document);
		assert_null(reply.code);
		aws_reply_done(&reply);
	}
}

static void values_are_wiped(void **state)
{
	static const char body[] =
		"{\"Parameters\": [{\"Value\": \"s3cr3t\", \"Version\": "
		"1}], \"SecretString\": \"another\"}";
	struct json_object *items, *value, *text;
	struct error err = { 0 };
	struct aws_reply reply;

	(void)state;
	assert_int_equal(read_text(&json_service, 200, body, &reply, &err), 0);
	items = json_member(reply.document, "Parameters", json_type_array);
	value = json_member(json_object_array_get_idx(items, 0), "Value",
			    json_type_string);
	text = json_member(reply.document, "SecretString", json_type_string);
	(void)json_object_get(value);
	(void)json_object_get(text);
	aws_reply_done(&reply);
	assert_memory_equal(json_object_get_string(value), "\0\0\0\0\0\0", 7);
	assert_memory_equal(json_object_get_string(text), "\0\0\0\0\0\0\0", 8);
	(void)json_object_put(value);
	(void)json_object_put(text);
}

/* Of one mapping: more is no heap but the sanitizer's shadow. */
#define MAPPING_MAX_BYTES (64UL * 1024 * 1024)
#define SECRET_BYTES 20000
#define PIECE_BYTES 16

/* How often the piece stands in the memory between two addresses. */
static size_t count_between(int memory_fd, unsigned long begin, unsigned long end,
			    const char *piece)
{
	size_t length = end - begin, count = 0;
	char *copy = mmap(NULL, length, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ssize_t got;

	assert_ptr_not_equal(copy, MAP_FAILED);
	got = pread(memory_fd, copy, length, (off_t)begin);
	for (char *at = copy; got > 0; count++) {
		at = memmem(at, (size_t)(copy + got - at), piece, PIECE_BYTES);
		if (!at)
			break;
		at++;
	}
	assert_int_equal(munmap(copy, length), 0);
	return count;
}

/* Freed memory included: the sanitizer keeps it for a while, libc for ever. */
static size_t count_in_heap(const char *piece)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	int memory_fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	size_t count = 0;
	char line[512];

	assert_non_null(maps);
	assert_true(memory_fd >= 0);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long begin, end;

		if (sscanf(line, "%lx-%lx rw-p", &begin, &end) == 2 &&
		    !strstr(line, "[stack") && end - begin <= MAPPING_MAX_BYTES)
			count += count_between(memory_fd, begin, end, piece);
	}
	(void)fclose(maps);
	(void)close(memory_fd);
	return count;
}

static void no_copy_of_a_value_is_left(void **state)
{
	char piece[PIECE_BYTES + 1];
	char *body = memory_new(2, SECRET_BYTES), *end = body;
	struct error err = { 0 };
	struct aws_reply reply;
	size_t own_count;

	(void)state;
	/* Stands nowhere else, not even in the program's constants. */
	for (int i = 0; i < PIECE_BYTES; i++)
		piece[i] = (char)('a' + (i * 7 + getpid()) % 26);
	piece[PIECE_BYTES] = '\0';
	end = stpcpy(body, "{\"Value\": \"");
	/* At every escape the tokener's buffer may grow. */
	for (int i = 0; i < SECRET_BYTES / PIECE_BYTES; i++)
		end = stpcpy(stpcpy(end, piece), "\\n");
	(void)stpcpy(end, "\"}");
	own_count = count_in_heap(piece);
	assert_true(own_count >= SECRET_BYTES / PIECE_BYTES);
	assert_int_equal(read_text(&json_service, 200, body, &reply, &err), 0);
	assert_true(count_in_heap(piece) > own_count);
	aws_reply_done(&reply);
	assert_int_equal(count_in_heap(piece), own_count);
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_refusals_are_told_apart),
		cmocka_unit_test(good_replies_are_read),
		cmocka_unit_test(code_and_message_are_kept),
		cmocka_unit_test(only_an_object_is_kept),
		cmocka_unit_test(values_are_wiped),
		cmocka_unit_test(no_copy_of_a_value_is_left),
	};

	return cmocka_run_group_tests_name("aws_reply", tests, NULL, NULL);
}
