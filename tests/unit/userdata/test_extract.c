/* SPDX-License-Identifier: MIT */
#include "userdata/userdata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

/* User data as people and tools write it: what is ours, what is left to cloud-init. */

#define JSON "{\"source\": {\"branch\": \"x\"}}"
#define HEAD "Content-Type: multipart/mixed; boundary=\"===1==\"\nMIME-Version: 1.0\n\n"

struct row {
	const char *text, *json, *note;
};

static const struct row rows[] = {
	{ "", NULL, NULL },
	{ " \n\t", NULL, NULL },
	{ JSON, JSON, NULL },
	{ "\n " JSON "\n", "\n " JSON "\n", NULL },
	{ "\xef\xbb\xbf" JSON, "\xef\xbb\xbf" JSON, NULL },
	{ "{", "{", NULL },
	{ "#!/bin/sh\necho '{}'\n", NULL,
	  "the user data is a script: left to cloud-init" },
	{ "#cloud-config\npackages: []\n", NULL,
	  "the user data is a cloud-config: left to cloud-init" },
	{ "#include\nhttps://example.com\n", NULL,
	  "the user data is a list of includes: left to cloud-init" },
	{ "[1]", NULL,
	  "the user data is no JSON and no multi-part document: left to cloud-init" },
	{ "Note: this is prose\n\nContent-Type: application/json", NULL,
	  "the user data is no JSON and no multi-part document: left to cloud-init" },
	/* as cloud-init's make-mime writes it */
	{ HEAD
	  "preamble\n--===1==\nContent-Type: text/x-shellscript; charset=\"utf-8\"\n\n"
	  "#!/bin/sh\n--===1==\nContent-Type: application/json\n"
	  "MIME-Version: 1.0\n\n" JSON "\n--===1==--\nepilogue\n",
	  JSON, NULL },
	/* line ends of the mail, folded lines, other cases, no quotes */
	{ "mime-version: 1.0\r\nCONTENT-TYPE: Multipart/Mixed;\r\n\tBoundary=b\r\n\r\n"
	  "--b\r\ncontent-type: Application/JSON\r\n\r\n" JSON "\r\n--b--\r\n",
	  JSON, NULL },
	/* base64, as Python's email encodes UTF-8 */
	{ HEAD "--===1==\nContent-Type: application/json\n"
	       "Content-Transfer-Encoding: base64\n\n"
	       "eyJzb3VyY2UiOiB7ImJyYW5j\naCI6ICJ4In19\n--===1==--\n",
	  JSON, NULL },
	{ HEAD "--===1==\nContent-Type: application/json\n"
	       "Content-Transfer-Encoding: Quoted-Printable\n\n"
	       "{\"source\": =7B\"branch\":=\n \"x\"}}\n--===1==--\n",
	  JSON, NULL },
	/* nested, and cut off at the end */
	{ HEAD "--===1==\nContent-Type: multipart/alternative; boundary=in\n\n"
	       "--in\nContent-Type: application/json\n\n" JSON "\n--in--\n\n--===1==--\n",
	  JSON, NULL },
	{ HEAD "--===1==\nContent-Type: application/json\n\n" JSON, JSON, NULL },
	/* one that is no boundary: longer */
	{ HEAD
	  "--===1==\nContent-Type: application/json\n\n{\n--===1==x\n}\n--===1==--\n",
	  "{\n--===1==x\n}", NULL },
	/* a document of one part */
	{ "Content-Type: application/json\n\n" JSON, JSON, NULL },
	{ HEAD "--===1==\nContent-Type: text/cloud-config\n\n{}\n--===1==--\n", NULL,
	  "the user data's parts are all cloud-init's: none is application/json" },
	{ HEAD, NULL,
	  "the user data's parts are all cloud-init's: none is application/json" },
	{ "Content-Type: text/plain\n\n{}", NULL,
	  "the user data's parts are all cloud-init's: none is application/json" },
};

static void assert_extracted(const char *data, size_t length, const struct row *row)
{
	autofree char *json = NULL;
	const char *note = NULL;
	struct error err = { 0 };

	assert_int_equal(userdata_extract(data, length, &json, &note, &err), 0);
	if (row->json)
		assert_string_equal(json, row->json);
	else
		assert_null(json);
	if (row->note)
		assert_string_equal(note, row->note);
	else
		assert_null(note);
}

static void what_is_ours_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		size_t length = strlen(rows[i].text);
		/* of exactly that size: a byte read too far is seen */
		autofree char *copy = memory_new(length + 1, 1);
		char *exact = malloc(length ? length : 1);

		assert_non_null(exact);
		memcpy(copy, rows[i].text, length);
		memcpy(exact, rows[i].text, length);
		assert_extracted(exact, length, &rows[i]);
		free(exact);
	}
}

static size_t zip(const char *text, size_t length, char *ret_data, size_t size)
{
	z_stream stream = { .next_in = (Bytef *)(uintptr_t)text,
			    .avail_in = (uInt)length,
			    .next_out = (Bytef *)ret_data,
			    .avail_out = (uInt)size };

	assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9,
				      Z_DEFAULT_STRATEGY),
			 Z_OK);
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(deflateEnd(&stream), Z_OK);
	return stream.total_out;
}

static void compression_is_undone(void **state)
{
	char data[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		size_t length =
			zip(rows[i].text, strlen(rows[i].text), data, sizeof(data));

		assert_extracted(data, length, &rows[i]);
	}
}

static void assert_refused(const char *data, size_t length, int code,
			   const char *sentence)
{
	const char *note = NULL;
	struct error err = { 0 };
	char *json = NULL;

	assert_int_equal(userdata_extract(data, length, &json, &note, &err), code);
	assert_string_equal(err.text, sentence);
	assert_null(json);
}

static void damaged_gzip_is_refused(void **state)
{
	char data[4096];
	size_t length = zip(JSON, strlen(JSON), data, sizeof(data));

	(void)state;
	for (size_t i = 2; i < length; i++)
		assert_refused(data, i, -EINVAL,
			       "the user data is damaged: it is gzip, but not whole");
	data[length - 6] ^= 1;
	assert_refused(data, length, -EINVAL,
		       "the user data is damaged: it is gzip, but not whole");
}

static void bombs_are_refused(void **state)
{
	autofree char *plain = memory_new(USERDATA_PLAIN_MAX_BYTES + 1, 1);
	char data[16384];
	size_t length;

	(void)state;
	memset(plain, ' ', USERDATA_PLAIN_MAX_BYTES + 1);
	length = zip(plain, USERDATA_PLAIN_MAX_BYTES + 1, data, sizeof(data));
	assert_refused(data, length, -EFBIG, "the user data unpacks to more than 1 MiB");
}

static const struct {
	const char *text, *sentence;
} refusals[] = {
	{ "Content-Type: multipart/mixed\n\n--x\n",
	  "the user data is multi-part, but names no boundary" },
	{ HEAD "--===1==\nContent-Type: application/json\n\n{}\n"
	       "--===1==\nContent-Type: application/json\n\n{}\n--===1==--\n",
	  "the user data has more than one JSON part" },
	{ HEAD "--===1==\nContent-Type: application/json\n"
	       "Content-Transfer-Encoding: base64\n\ne30\n--===1==--\n",
	  "the JSON part is not in its encoding" },
	{ HEAD "--===1==\nContent-Type: application/json\n"
	       "Content-Transfer-Encoding: base64\n\n{}{}\n--===1==--\n",
	  "the JSON part is not in its encoding" },
	{ HEAD "--===1==\nContent-Type: application/json\n"
	       "Content-Transfer-Encoding: quoted-printable\n\n=zz\n--===1==--\n",
	  "the JSON part is not in its encoding" },
	{ HEAD "--===1==\nContent-Type: application/json\n"
	       "Content-Transfer-Encoding: x-uuencode\n\n{}\n--===1==--\n",
	  "the JSON part has an unknown transfer encoding" },
	{ HEAD "--===1==\nContent-Type: application/json\n"
	       "Content-Transfer-Encoding: base64\n\newAAfQ==\n--===1==--\n",
	  "the JSON part of the user data has a NUL" },
};

static void what_is_broken_has_a_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(refusals); i++)
		assert_refused(refusals[i].text, strlen(refusals[i].text), -EINVAL,
			       refusals[i].sentence);
	assert_refused("{\0}", 3, -EINVAL, "the user data is JSON with a NUL");
}

/* Every beginning of a document is read to its end and no further. */
static void any_cut_is_bounded(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		for (size_t length = 0; length < strlen(rows[i].text); length++) {
			char *exact = malloc(length ? length : 1);
			autofree char *json = NULL;
			const char *note = NULL;
			struct error err;

			assert_non_null(exact);
			memcpy(exact, rows[i].text, length);
			(void)!userdata_extract(exact, length, &json, &note, &err);
			free(exact);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_ours_is_found),
		cmocka_unit_test(compression_is_undone),
		cmocka_unit_test(damaged_gzip_is_refused),
		cmocka_unit_test(bombs_are_refused),
		cmocka_unit_test(what_is_broken_has_a_sentence),
		cmocka_unit_test(any_cut_is_bounded),
	};

	return cmocka_run_group_tests_name("userdata_extract", tests, NULL, NULL);
}
