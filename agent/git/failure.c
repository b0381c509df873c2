/* SPDX-License-Identifier: MIT */
#include "git/failure.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/*
 * The one converter from libgit2's error world to ours. libgit2 keeps neither the errno
 * nor the HTTP status of a failure, only its text (in the C locale, for we set none), so
 * that is what is read: the status, the end that strerror() wrote, the few fixed
 * beginnings. What we do not know by text is told by return code and class.
 */

#define BAD_PAGE "invalid content-type: "
#define STATUS_FORMAT "unexpected http status code: %d"

struct rule {
	int value; /* of whatever the table is about */
	int number;
};

static const struct rule codes[] = {
	{ GIT_ENOTFOUND, ENOENT },          { GIT_EAUTH, EACCES },
	{ GIT_ECERTIFICATE, EKEYREJECTED }, { GIT_EEOF, ENETUNREACH },
	{ GIT_EMISMATCH, EUCLEAN },         { GIT_ELOCKED, EBUSY },
	{ GIT_EINVALIDSPEC, EINVAL },
};

static const struct rule classes[] = {
	{ GIT_ERROR_NOMEMORY, ENOMEM }, { GIT_ERROR_NET, EPROTO },
	{ GIT_ERROR_HTTP, EPROTO },     { GIT_ERROR_SSH, EPROTO },
	{ GIT_ERROR_SSL, EPROTO },      { GIT_ERROR_ZLIB, EUCLEAN },
	{ GIT_ERROR_ODB, EUCLEAN },     { GIT_ERROR_OBJECT, EUCLEAN },
	{ GIT_ERROR_SHA, EUCLEAN },     { GIT_ERROR_REFERENCE, EUCLEAN },
	{ GIT_ERROR_TREE, EBADMSG },    { GIT_ERROR_INDEXER, EBADMSG },
};

/* The system's errors that libgit2 tells by ending its text in strerror()'s. */
static const struct rule endings[] = {
	{ ECONNREFUSED, ENETUNREACH },
	{ EHOSTUNREACH, ENETUNREACH },
	{ ENETUNREACH, ENETUNREACH },
	{ ENETDOWN, ENETUNREACH },
	{ EADDRNOTAVAIL, ENETUNREACH },
	{ ECONNRESET, ENETUNREACH },
	{ ECONNABORTED, ENETUNREACH },
	{ EPIPE, ENETUNREACH },
	{ ETIMEDOUT, ETIMEDOUT },
	{ EACCES, EACCES },
	{ EPERM, EACCES },
	{ ENOSPC, ENOSPC },
	{ EDQUOT, EDQUOT },
	{ EROFS, EROFS },
	{ EFBIG, EFBIG },
	{ EIO, EIO },
	{ EMFILE, EMFILE },
	{ ENFILE, ENFILE },
	{ ENOMEM, ENOMEM },
	{ EISDIR, EUCLEAN },
	{ ENOTDIR, EUCLEAN },
	{ ELOOP, EUCLEAN },
};

#define CUT_SENTENCE "the server closed the connection in the middle of its answer"

#define NO_TLS_SENTENCE                                                             \
	"what answers there does not speak TLS: the port is another one's, or the " \
	"address must begin with http://"

#define NO_SSH_SENTENCE                                                              \
	"the server closed the connection before SSH was agreed on: is that an SSH " \
	"server, and does it let this machine in?"

#define NO_REFS_SENTENCE                                                              \
	"the server's list of refs cannot be read: is that a git host? A repository " \
	"with SHA-256 ids cannot be fetched, only one with SHA-1"

/* What libgit2 tells by a fixed beginning, and a better sentence if we have one. */
static const struct beginning {
	const char *text;
	int number;
	const char *sentence;
} beginnings[] = {
	{ "failed to resolve address", ENETUNREACH, NULL },
	{ "unexpected EOF", ENETUNREACH, CUT_SENTENCE },
	{ "early EOF", ENETUNREACH, CUT_SENTENCE },
	{ "http parser error: stream ended", ENETUNREACH, CUT_SENTENCE },
	{ "unexpected authentication failure", EACCES,
	  "the server lists its refs, and then asks for credentials (HTTP status 401)" },
	/* connection.c looks for this one. */
	{ "failed to start SSH session: Unable to exchange encryption keys", EPROTO,
	  NULL },
	{ "failed to start SSH session", ENETUNREACH, NO_SSH_SENTENCE },
	/* What a connection that ends looks like, depending on the moment. */
	{ "Failed to retrieve list of SSH authentication methods: Failed getting",
	  ENETUNREACH, CUT_SENTENCE },
	{ "Failed to open SSH channel: Unexpected error", ENETUNREACH, CUT_SENTENCE },
	{ "SSH could not execute request: Failed waiting", ENETUNREACH, CUT_SENTENCE },
	{ "SSH could not read data: ", ENETUNREACH, CUT_SENTENCE },
	{ "SSH could not write data: ", ENETUNREACH, CUT_SENTENCE },
	{ "SSL error: 0xffff8d80", ENETUNREACH, CUT_SENTENCE },
	{ "SSL error: 0xffff8e00", EPROTO, NO_TLS_SENTENCE },
	{ "SSL error: syscall failure", ENETUNREACH, CUT_SENTENCE },
	{ "SSL error: received early EOF", ENETUNREACH, CUT_SENTENCE },
	{ "unexpectedly large parse", ENETUNREACH, CUT_SENTENCE },
	{ "http parser did not consume entire buffer: Invalid EOF state", ENETUNREACH,
	  CUT_SENTENCE },
	{ "error parsing REF pkt-line", EPROTO, NO_REFS_SENTENCE },
	{ "malformed URL", EINVAL, NULL },
	/* The server leaves out what we said that we have. */
	{ "missing delta bases", EUCLEAN, NULL },
};

/*
 * What git itself, and the hosts people use, say over SSH where HTTP has its 404. It is
 * all there is: the connection just ends.
 */
static const char *const absences[] = {
	"does not appear to be a git repository",
	"Repository not found",
	"could not be found",
	"repository does not exist",
};

/*
 * What is wrong with a certificate, in mbedTLS's words; the worst first. With OpenSSL,
 * libgit2 says no more than these two.
 */
#define BAD_CERTIFICATE "the SSL certificate is invalid"
#define OTHER_HOST "hostname does not match certificate"

static const struct {
	const char *words;
	const char *sentence;
} certificate_faults[] = {
	{ "not correctly signed by the trusted CA",
	  "the server's certificate is signed by an authority that this machine does "
	  "not trust: if it is a private one, put its certificate into "
	  "/usr/local/share/ca-certificates and call update-ca-certificates" },
	{ "does not match",
	  "the server's certificate is for another host name: the name in the address "
	  "must be one that it has" },
	{ "validity has expired",
	  "the server's certificate has expired: it must be renewed there, or the clock "
	  "of this machine is wrong" },
	{ "validity starts in the future",
	  "the server's certificate is not valid yet: the clock of this machine is "
	  "wrong, or the server's was" },
	{ BAD_CERTIFICATE,
	  "the server's certificate is not good: it has expired, or is not valid yet, or "
	  "is of an authority that this machine does not trust (update-ca-certificates "
	  "adds one)" },
};

static int number_of(const struct rule *rules, size_t count, int value)
{
	for (size_t i = 0; i < count; i++)
		if (rules[i].value == value)
			return rules[i].number;
	return 0;
}

static const struct beginning *find_beginning(const char *text)
{
	for (size_t i = 0; i < ARRAY_COUNT(beginnings); i++)
		if (strncmp(text, beginnings[i].text, strlen(beginnings[i].text)) == 0)
			return &beginnings[i];
	return NULL;
}

static int number_of_ending(const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < ARRAY_COUNT(endings); i++) {
		const char *ending = strerror(endings[i].value);
		size_t ending_length = strlen(ending);

		if (length >= ending_length &&
		    strcmp(text + length - ending_length, ending) == 0)
			return endings[i].number;
	}
	return 0;
}

static int number_of_status(int status)
{
	if (status == 401 || status == 403)
		return EACCES;
	if (status == 404 || status == 410)
		return ENOENT;
	return status == 408 || status == 429 || status >= 500 ? ENETUNREACH : EPROTO;
}

static char *explain_status(int status, int *ret_number)
{
	*ret_number = number_of_status(status);
	if (*ret_number == EACCES)
		return text_format("the server refuses access (HTTP status %d)", status);
	if (*ret_number == ENOENT)
		return text_format(
			"the server has no repository there, or hides it from us "
			"(HTTP status %d)",
			status);
	return text_format("the server answered with HTTP status %d", status);
}

static bool is_absence(const char *message)
{
	for (size_t i = 0; i < ARRAY_COUNT(absences); i++)
		if (strstr(message, absences[i]))
			return true;
	return false;
}

static const char *explain_certificate(const char *message)
{
	for (size_t i = 0; i < ARRAY_COUNT(certificate_faults); i++)
		if (strstr(message, certificate_faults[i].words))
			return certificate_faults[i].sentence;
	return message;
}

/* A page where refs belong: an address of something else, or a form to log in by. */
static char *explain_page(const char *message)
{
	return text_format(
		"what answers there is no git host, or wants a login first (%s): check "
		"the address and source.token_parameter",
		message);
}

/* A sentence of our own for what a person meets most, else libgit2's words. */
static char *explain(const char *message, int code, int *ret_number)
{
	const struct beginning *beginning = find_beginning(message);
	int status;

	if (is_absence(message)) {
		*ret_number = ENOENT;
		return text_format("the server has no repository there, or hides it from "
				   "our key; it said: %s",
				   message);
	}
	if (strncmp(message, BAD_PAGE, strlen(BAD_PAGE)) == 0) {
		*ret_number = EPROTO;
		return explain_page(message);
	}
	if (code == GIT_ECERTIFICATE || strstr(message, BAD_CERTIFICATE) ||
	    strstr(message, OTHER_HOST)) {
		*ret_number = EKEYREJECTED;
		return text_copy(explain_certificate(message));
	}
	if (sscanf(message, STATUS_FORMAT, &status) == 1)
		return explain_status(status, ret_number);
	*ret_number = beginning ? beginning->number : number_of_ending(message);
	return text_copy(beginning && beginning->sentence ? beginning->sentence
							  : message);
}

int failure_set(struct error *err, int code, const char *format, ...)
{
	const git_error *last = git_error_last();
	const char *message =
		last && last->message ? last->message : "no reason was given";
	autofree char *explained = NULL;
	autofree char *context = NULL;
	va_list arguments;
	int number = 0;

	explained = explain(message, code, &number);
	failure_hide_userinfo(explained);
	text_trim_end(explained);
	/* The server is never asked for a single object. */
	if (number == 0 && code == GIT_ENOTFOUND && last && last->klass == GIT_ERROR_ODB)
		number = EUCLEAN;
	if (number == 0)
		number = number_of(codes, ARRAY_COUNT(codes), code);
	if (number == 0 && last)
		number = number_of(classes, ARRAY_COUNT(classes), last->klass);
	va_start(arguments, format);
	if (vasprintf(&context, format, arguments) < 0)
		abort();
	va_end(arguments);
	return error_set(err, number ? number : EIO, "%s: %s", context, explained);
}

int failure_set_object(struct error *err, int code, const git_oid *id)
{
	int result = failure_set(err, code, "read the object %s", git_oid_tostr_s(id));

	if (result == -ENOENT)
		err->code = -EUCLEAN;
	return err->code;
}

/*
 * Where the host begins if [begin, end) is what follows "://" in a URL; begin if at once.
 */
static char *find_host(char *begin, char *end)
{
	char *slash = memchr(begin, '/', (size_t)(end - begin));
	char *authority_end = slash ? slash : end;
	char *at = memrchr(begin, '@', (size_t)(authority_end - begin));
	char *colon = memrchr(begin, ':', (size_t)(authority_end - begin));

	if (at)
		return at + 1;
	/* "user:pass/word@host": no port is made of letters. */
	if (colon && colon[1 + strspn(colon + 1, "0123456789]")] != *authority_end)
		at = memrchr(begin, '@', (size_t)(end - begin));
	return at ? at + 1 : begin;
}

void failure_hide_userinfo(char *text)
{
	for (char *url = strstr(text, "://"); url; url = strstr(url, "://")) {
		char *begin = url + strlen("://");
		char *end = begin + strcspn(begin, " '\"\t\n<>");
		char *host = find_host(begin, end);

		memmove(begin, host, strlen(host) + 1);
		url = begin;
	}
}
