/* SPDX-License-Identifier: MIT */
#include "base/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A worker's conversation, with files for standard input and output. */

static int make_file(const char *data, size_t length_bytes)
{
	int fd = memfd_create("wire", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, data, length_bytes), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

/* Stands in for a descriptor; returns what was there, for put_back(). */
static int replace(int fd, int with)
{
	int before = fcntl(fd, F_DUPFD_CLOEXEC, 10);

	assert_true(before >= 0);
	assert_int_equal(dup2(with, fd), fd);
	return before;
}

static void put_back(int fd, int before)
{
	(void)dup2(before, fd);
	(void)close(before);
}

static int echo(const struct json_object *request, struct json_object **ret_result,
		struct error *err)
{
	struct json_object *progress = json_new_object();
	const char *text = NULL;
	int result;

	json_set_integer(progress, "part", 1);
	result = wire_send_progress(progress);
	if (result < 0)
		return error_set(err, result, "progress");
	result = wire_require_string(request, "text", &text, err);
	if (result < 0)
		return result;
	*ret_result = json_new_object();
	json_set_string(*ret_result, "text", text);
	return 0;
}

static int quiet(const struct json_object *request __attribute__((unused)),
		 struct json_object **ret_result __attribute__((unused)),
		 struct error *err __attribute__((unused)))
{
	return 0;
}

/* Fails although it has made a result. */
static int torn(const struct json_object *request __attribute__((unused)),
		struct json_object **ret_result, struct error *err)
{
	*ret_result = json_new_object();
	return error_set(err, EROFS, "a name like \"\xff\"\n and so on");
}

static const struct wire_verb verbs[] = {
	{ "echo", echo },
	{ "quiet", quiet },
	{ "torn", torn },
	{ NULL, NULL },
};

/* Serves one request and compares all that it says, and how it ends. */
static void serves(const char *request, size_t length_bytes, const char *reply,
		   int status)
{
	int input = make_file(request, length_bytes);
	int output = make_file("", 0);
	int input_before = replace(WIRE_REQUEST_FD, input);
	int output_before = replace(WIRE_REPLY_FD, output);
	int ended = wire_serve(verbs);
	autofree char *said = memory_new(4096, 1);

	put_back(WIRE_REPLY_FD, output_before);
	put_back(WIRE_REQUEST_FD, input_before);
	assert_true(pread(output, said, 4095, 0) >= 0);
	(void)close(input);
	(void)close(output);
	assert_string_equal(said, reply);
	assert_int_equal(ended, status);
}

static void result_comes_last(void **state)
{
	const char request[] = "{\"verb\": \"echo\", \"text\": \"a\\nb\"}\n";

	(void)state;
	serves(request, strlen(request),
	       "{\"progress\":{\"part\":1}}\n{\"result\":{\"text\":\"a\\nb\"}}\n", 0);
}

static void no_result_is_an_empty_one(void **state)
{
	const char request[] = "{\"verb\": \"quiet\"}";

	(void)state;
	serves(request, strlen(request), "{\"result\":{}}\n", 0);
}

static void error_is_one_line_of_utf8(void **state)
{
	const char request[] = "{\"verb\": \"torn\"}";

	(void)state;
	serves(request, strlen(request),
	       "{\"error\":{\"code\":\"EROFS\","
	       "\"message\":\"a name like \\\"?\\\"  and so on\"}}\n",
	       1);
}

static void error_follows_progress(void **state)
{
	const char request[] = "{\"verb\": \"echo\", \"text\": 5}";

	(void)state;
	serves(request, strlen(request),
	       "{\"progress\":{\"part\":1}}\n"
	       "{\"error\":{\"code\":\"EINVAL\","
	       "\"message\":\"the request lacks the text 'text'\"}}\n",
	       1);
}

static void refuses(const char *request, const char *message)
{
	autofree char *reply =
		text_format("{\"error\":{\"code\":\"EINVAL\",\"message\":\"%s\"}}\n",
			    message);

	serves(request, strlen(request), reply, 1);
}

static void requests_are_objects_with_a_verb(void **state)
{
	(void)state;
	refuses("[]", "the request is not a JSON object");
	refuses("null", "the request is not a JSON object");
	refuses("{}", "the request lacks the text 'verb'");
	refuses("{\"verb\": null}", "the request lacks the text 'verb'");
	refuses("{} x", "the request: text behind the document, at byte 3");
}

/* A reply that is as long as is allowed still arrives; one byte more does not. */
static void requests_are_bounded(void **state)
{
	autofree char *request = memory_new(WIRE_REQUEST_MAX_BYTES + 2, 1);

	(void)state;
	memset(request, ' ', WIRE_REQUEST_MAX_BYTES + 1);
	memcpy(request, "{\"verb\":\"quiet\"}", 16);
	serves(request, WIRE_REQUEST_MAX_BYTES, "{\"result\":{}}\n", 0);
	serves(request, WIRE_REQUEST_MAX_BYTES + 1,
	       "{\"error\":{\"code\":\"EFBIG\","
	       "\"message\":\"read the request: File too large\"}}\n",
	       1);
}

static void nobody_listens(void **state)
{
	const char request[] = "{\"verb\": \"quiet\"}";
	int input = make_file(request, strlen(request));
	int ends[2], input_before, output_before, ended;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	(void)close(ends[0]);
	input_before = replace(WIRE_REQUEST_FD, input);
	output_before = replace(WIRE_REPLY_FD, ends[1]);
	ended = wire_serve(verbs);
	put_back(WIRE_REPLY_FD, output_before);
	put_back(WIRE_REQUEST_FD, input_before);
	(void)close(ends[1]);
	(void)close(input);
	assert_int_equal(ended, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(result_comes_last),
		cmocka_unit_test(no_result_is_an_empty_one),
		cmocka_unit_test(error_is_one_line_of_utf8),
		cmocka_unit_test(error_follows_progress),
		cmocka_unit_test(requests_are_objects_with_a_verb),
		cmocka_unit_test(requests_are_bounded),
		cmocka_unit_test(nobody_listens),
	};

	return cmocka_run_group_tests_name("base_wire", tests, NULL, NULL);
}
