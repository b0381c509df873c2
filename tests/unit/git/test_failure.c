/* SPDX-License-Identifier: MIT */
#include "git/failure.h"

#include "base/error.h"

#include <errno.h>
#include <git2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Where git_error_set_str() is declared since libgit2 1.8. */
#if __has_include(<git2/sys/errors.h>)
#include <git2/sys/errors.h>
#endif

/* libgit2's errors as ours: the class of each, the sentence, and what must never show. */

struct example {
	int code;
	int klass;
	const char *message;
	int number;
	const char *text;
};

static const struct example examples[] = {
	{ -1, GIT_ERROR_OS, "failed to connect to h: Connection refused", ENETUNREACH,
	  "connect: failed to connect to h: Connection refused" },
	{ -1, GIT_ERROR_OS, "failed to connect to h: No route to host", ENETUNREACH,
	  NULL },
	{ -1, GIT_ERROR_OS, "failed to connect to h: Connection timed out", ETIMEDOUT,
	  NULL },
	{ -1, GIT_ERROR_NET, "failed to resolve address for h: whatever", ENETUNREACH,
	  NULL },
	{ -1, GIT_ERROR_NET, "error receiving socket data: Connection reset by peer",
	  ENETUNREACH, NULL },
	{ -1, GIT_ERROR_HTTP, "unexpected EOF", ENETUNREACH, NULL },
	{ GIT_EEOF, GIT_ERROR_NET, "early EOF", ENETUNREACH, NULL },
	{ -1, GIT_ERROR_HTTP, "unexpected http status code: 503", ENETUNREACH,
	  "connect: the server answered with HTTP status 503" },
	{ -1, GIT_ERROR_HTTP, "unexpected http status code: 429", ENETUNREACH, NULL },
	{ -1, GIT_ERROR_HTTP, "unexpected http status code: 403", EACCES,
	  "connect: the server refuses access (HTTP status 403)" },
	{ -1, GIT_ERROR_HTTP, "unexpected http status code: 404", ENOENT, NULL },
	{ -1, GIT_ERROR_HTTP, "unexpected http status code: 418", EPROTO, NULL },
	{ -1, GIT_ERROR_HTTP, "invalid content-type: 'text/html'", EPROTO,
	  "connect: what answers there is no git host, or wants a login first (invalid "
	  "content-type: 'text/html'): check the address and source.token_parameter" },
	{ GIT_EAUTH, GIT_ERROR_HTTP, "too many redirects", EACCES, NULL },
	{ -1, GIT_ERROR_SSL,
	  "SSL error: 0xffff8e00 - SSL - An invalid SSL record was received", EPROTO,
	  "connect: what answers there does not speak TLS: the port is another one's, or "
	  "the address must begin with http://" },
	{ GIT_ECERTIFICATE, GIT_ERROR_SSL, "the certificate is bad", EKEYREJECTED, NULL },
	{ GIT_ECERTIFICATE, GIT_ERROR_SSL,
	  "the SSL certificate is invalid: 0x09 - The certificate validity has expired",
	  EKEYREJECTED,
	  "connect: the server's certificate has expired: it must be renewed there, or "
	  "the clock of this machine is wrong" },
	{ GIT_EEOF, GIT_ERROR_SSH, "ERROR: Repository not found.\n", ENOENT,
	  "connect: the server has no repository there, or hides it from our key; it "
	  "said: ERROR: Repository not found." },
	{ -1, GIT_ERROR_NET, "invalid packet line", EPROTO, NULL },
	{ -1, GIT_ERROR_INDEXER, "packfile trailer mismatch", EBADMSG, NULL },
	{ GIT_EMISMATCH, GIT_ERROR_ODB, "object hash mismatch", EUCLEAN, NULL },
	{ GIT_ENOTFOUND, GIT_ERROR_ODB, "object not found", EUCLEAN, NULL },
	{ -1, GIT_ERROR_INDEXER, "missing delta bases", EUCLEAN, NULL },
	{ -1, GIT_ERROR_ZLIB, "incorrect header check", EUCLEAN, NULL },
	{ -1, GIT_ERROR_REFERENCE, "corrupted packed references file", EUCLEAN, NULL },
	{ -1, GIT_ERROR_OS, "failed to read descriptor: Is a directory", EUCLEAN, NULL },
	{ -1, GIT_ERROR_TREE, "failed to parse tree: object is corrupted", EBADMSG,
	  NULL },
	{ GIT_ENOTFOUND, GIT_ERROR_REFERENCE, "reference not found", ENOENT, NULL },
	{ -1, GIT_ERROR_OS, "failed to write: No space left on device", ENOSPC, NULL },
	{ -1, GIT_ERROR_OS, "failed to open 'x': Permission denied", EACCES, NULL },
	{ -1, GIT_ERROR_INVALID, "something else", EIO, NULL },
};

static void test_classes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		const struct example *example = &examples[i];
		struct error err = { 0 };

		assert_int_equal(0, git_error_set_str(example->klass, example->message));
		assert_int_equal(-example->number,
				 failure_set(&err, example->code, "%s", "connect"));
		assert_int_equal(-example->number, err.code);
		if (example->text)
			assert_string_equal(example->text, err.text);
	}
}

static void test_without_a_reason(void **state)
{
	struct error err = { 0 };

	(void)state;
	git_error_clear();
	assert_int_equal(-EIO, failure_set(&err, -1, "open"));
	assert_int_equal(0, strncmp(err.text, "open: ", strlen("open: ")));
}

static void test_absent_object_is_damage(void **state)
{
	static const git_oid id = { { 0xab } };
	struct error err = { 0 };

	(void)state;
	assert_int_equal(0, git_error_set_str(GIT_ERROR_ODB, "object not found"));
	assert_int_equal(-EUCLEAN, failure_set_object(&err, GIT_ENOTFOUND, &id));
	assert_non_null(strstr(err.text, "ab00000000"));
}

static void test_userinfo_is_hidden(void **state)
{
	static const char *const pairs[][2] = {
		{ "http://user:secret@host/a.git", "http://host/a.git" },
		{ "http://token@host:8080/a.git", "http://host:8080/a.git" },
		{ "http://host:8080/@scope/a.git", "http://host:8080/@scope/a.git" },
		{ "http://[::1]:80/a@b", "http://[::1]:80/a@b" },
		{ "http://u:a@b@host/x", "http://host/x" },
		{ "http://u:p/q@host/x", "http://host/x" },
		{ "bad URL 'https://u:p@h/x' and 'ssh://v:q@i/y'",
		  "bad URL 'https://h/x' and 'ssh://i/y'" },
		{ "git@host:a.git", "git@host:a.git" },
		{ "http://", "http://" },
		{ "", "" },
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		(void)snprintf(text, sizeof(text), "%s", pairs[i][0]);
		failure_hide_userinfo(text);
		assert_string_equal(pairs[i][1], text);
	}
}

static void test_userinfo_of_the_library(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(0,
			 git_error_set_str(GIT_ERROR_NET,
					   "malformed URL 'http://u:secret@h:x/'"));
	assert_int_equal(-EINVAL, failure_set(&err, -1, "connect"));
	assert_null(strstr(err.text, "secret"));
}

static int start_library(void **state)
{
	(void)state;
	return git_libgit2_init() < 0;
}

static int stop_library(void **state)
{
	(void)state;
	return git_libgit2_shutdown() < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_without_a_reason),
		cmocka_unit_test(test_absent_object_is_damage),
		cmocka_unit_test(test_userinfo_is_hidden),
		cmocka_unit_test(test_userinfo_of_the_library),
	};

	return cmocka_run_group_tests(tests, start_library, stop_library);
}
