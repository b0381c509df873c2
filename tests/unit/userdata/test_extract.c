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
#define NESTED(boundary) \
	"Content-Type: multipart/mixed; boundary=" boundary "\n\n--" boundary "\n"
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
	{ "#!/bin/sh\necho '{}'\n", NULL, "a script: left to cloud-init" },
	{ "#cloud-config\npackages: []\n", NULL, "a cloud-config: left to cloud-init" },
	{ "#include\nhttps://example.com\n", NULL,
	  "a list of includes: left to cloud-init" },
	{ "[1]", NULL, "no JSON object, which a configuration is: left alone" },
	{ "Note: this is prose\n\nContent-Type: application/json", NULL,
	  "no JSON and no multi-part document: left to cloud-init" },
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
	  "no part is application/json (seen: text/cloud-config): left to cloud-init" },
	{ HEAD, NULL, "no part is application/json (seen: none): left to cloud-init" },
	{ "Content-Type: text/plain\n\n{}", NULL,
	  "no part is application/json (seen: text/plain): left to cloud-init" },
	/* a misspelt type is named, and what is no type is not repeated */
	{ HEAD "--===1==\nContent-Type: text/x-json\n\n{}\n"
	       "--===1==\nContent-Type: <hunter2>\n\n{}\n"
	       "--===1==\nContent-Type: text/x-json\n\n{}\n--===1==--\n",
	  NULL,
	  "no part is application/json (seen: text/x-json, another type): left to "
	  "cloud-init" },
	{ HEAD "--===1==\nContent-Type: a/1\n\n\n--===1==\nContent-Type: a/2\n\n\n"
	       "--===1==\nContent-Type: a/3\n\n\n--===1==\nContent-Type: a/4\n\n\n"
	       "--===1==\nContent-Type: a/5\n\n\n--===1==--\n",
	  NULL,
	  "no part is application/json (seen: a/1, a/2, a/3, a/4 and more): left to "
	  "cloud-init" },
	/* a mailbox's message */
	{ "From nobody Sat Dec 24 2011\n" HEAD
	  "--===1==\nContent-Type: application/json\n\n" JSON "\n--===1==--\n",
	  JSON, NULL },
	{ "From nobody\n" JSON, NULL,
	  "no JSON and no multi-part document: left to cloud-init" },
	{ "From nobody", NULL, "no JSON and no multi-part document: left to cloud-init" },
	/* cloud-init complains of it, too */
	{ "Content-Type: multipart/mixed\n\n--x\n", NULL,
	  "a multi-part document that names no boundary: left to cloud-init" },
	{ NESTED("0") NESTED("1") NESTED("2") NESTED("3")
		  NESTED("4") "--4\nContent-Type: application/json\n\n" JSON "\n",
	  NULL,
	  "parts nested more than 4 deep, and no application/json above: left to "
	  "cloud-init" },
	{ NESTED("0") NESTED("1") NESTED("2")
		  NESTED("3") "--3\nContent-Type: application/json\n\n" JSON,
	  JSON, NULL },
};

static void assert_extracted(const char *data, size_t length, const struct row *row)
{
	autofree char *json = NULL;
	autofree char *note = NULL;
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
	struct error err = { 0 };
	char *json = NULL, *note = NULL;

	assert_int_equal(userdata_extract(data, length, &json, &note, &err), code);
	assert_string_equal(err.text, sentence);
	assert_null(json);
	assert_null(note);
}

#define DAMAGED "it is damaged: it is gzip, but not whole; compress it again"

/* What can be read of it says whether it is ours. */
static void damaged_gzip_is_ours_if_it_begins_with_json(void **state)
{
	const struct row foreign_row = {
		NULL, NULL,
		"damaged gzip, and no JSON in what can be read of it: left to cloud-init"
	};
	const char script[] = "#!/bin/sh\necho hello\n";
	char data[4096];
	size_t length = zip(JSON, strlen(JSON), data, sizeof(data));

	(void)state;
	for (size_t i = 2; i < 12; i++)
		assert_extracted(data, i, &foreign_row);
	for (size_t i = length - 8; i < length; i++)
		assert_refused(data, i, -EINVAL, DAMAGED);
	data[length - 6] ^= 1;
	assert_refused(data, length, -EINVAL, DAMAGED);
	length = zip(script, strlen(script), data, sizeof(data));
	for (size_t i = 2; i < length; i++)
		assert_extracted(data, i, &foreign_row);
}

static void bombs_are_bounded(void **state)
{
	const struct row foreign_row = { NULL, NULL,
					 "gzip of more than 1 MiB, and no JSON in the "
					 "first of it: left to cloud-init" };
	autofree char *plain = memory_new(USERDATA_PLAIN_MAX_BYTES + 1, 1);
	char data[16384];
	size_t length;

	(void)state;
	memset(plain, '#', USERDATA_PLAIN_MAX_BYTES + 1);
	length = zip(plain, USERDATA_PLAIN_MAX_BYTES + 1, data, sizeof(data));
	assert_extracted(data, length, &foreign_row);
	plain[0] = '{';
	length = zip(plain, USERDATA_PLAIN_MAX_BYTES + 1, data, sizeof(data));
	assert_refused(
		data, length, -EFBIG,
		"it unpacks to more than 1 MiB: leave out what is not bootagent's");
}

static const struct {
	const char *text, *sentence;
} refusals[] = {
	{ HEAD "--===1==\nContent-Type: application/json\n\n{}\n"
	       "--===1==\nContent-Type: application/json\n\n{}\n--===1==--\n",
	  "it has more than one JSON part: put them into one" },
	{ HEAD "--===1==\nContent-Type: application/json\n"
	       "Content-Transfer-Encoding: base64\n\ne30\n--===1==--\n",
	  "its JSON part is not in the encoding that it names: encode it again" },
	{ HEAD "--===1==\nContent-Type: application/json\n"
	       "Content-Transfer-Encoding: base64\n\n{}{}\n--===1==--\n",
	  "its JSON part is not in the encoding that it names: encode it again" },
	{ HEAD "--===1==\nContent-Type: application/json\n"
	       "Content-Transfer-Encoding: quoted-printable\n\n=zz\n--===1==--\n",
	  "its JSON part is not in the encoding that it names: encode it again" },
	{ HEAD "--===1==\nContent-Type: application/json\n"
	       "Content-Transfer-Encoding: x-uuencode\n\n{}\n--===1==--\n",
	  "its JSON part has an unknown transfer encoding: take base64" },
	{ HEAD "--===1==\nContent-Type: application/json\n"
	       "Content-Transfer-Encoding: base64\n\newAAfQ==\n--===1==--\n",
	  "its JSON part has a NUL: remove it" },
};

static void what_is_broken_has_a_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(refusals); i++)
		assert_refused(refusals[i].text, strlen(refusals[i].text), -EINVAL,
			       refusals[i].sentence);
	assert_refused("{\0}", 3, -EINVAL, "it is JSON with a NUL: remove it");
}

/* Every beginning of a document is read to its end and no further. */
static void any_cut_is_bounded(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		for (size_t length = 0; length < strlen(rows[i].text); length++) {
			char *exact = malloc(length ? length : 1);
			autofree char *json = NULL;
			autofree char *note = NULL;
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
		cmocka_unit_test(damaged_gzip_is_ours_if_it_begins_with_json),
		cmocka_unit_test(bombs_are_bounded),
		cmocka_unit_test(what_is_broken_has_a_sentence),
		cmocka_unit_test(any_cut_is_bounded),
	};

	return cmocka_run_group_tests_name("userdata_extract", tests, NULL, NULL);
}
