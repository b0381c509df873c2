/* SPDX-License-Identifier: MIT */
#include "ready/answer.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "net/http.h"
#include "secrets/blank.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/*
 * A probe's answer in words. Whoever reads them looks at a machine that is about to be
 * abandoned: what is known of Rails and of proxies (facts R13) is said with what to set.
 * What Rails answers was read off actionpack 6.1.7.10, and its sources up to 7.2: host
 * authorization says "Blocked host" only where errors are shown in detail, in production
 * it sends 403 with no body at all.
 */

#define HOST_MAX_BYTES 100
#define TITLE "<title>"

static bool has_type(const struct http_transfer *transfer, const char *part)
{
	const char *type = http_transfer_header(transfer, "Content-Type");

	return type && strcasestr(type, part);
}

/* Makes HTML a text, in place: tags become line ends. */
static void strip_tags(char *text)
{
	bool is_tag = false;

	for (; *text; text++) {
		if (*text == '<')
			is_tag = true;
		if (is_tag) {
			is_tag = *text != '>';
			*text = '\n';
		}
	}
}

static char *find_line(char *text)
{
	char *line;

	text += strspn(text, " \t\r\n");
	line = text;
	line[strcspn(line, "\r\n")] = '\0';
	return line;
}

char *answer_quote(char *body, bool is_html)
{
	char *title = is_html ? strcasestr(body, TITLE) : NULL;
	char *line;

	if (title) {
		title += strlen(TITLE);
		title[strcspn(title, "<")] = '\0';
	} else if (is_html) {
		strip_tags(body);
	}
	line = find_line(title ? title : body);
	if (strlen(line) > ANSWER_QUOTE_MAX_BYTES)
		line[ANSWER_QUOTE_MAX_BYTES] = '\0';
	text_make_printable(line);
	text_trim_end(line);
	return line;
}

/* ': "…"', or nothing where the body is no text. The caller frees it. */
static char *quote(const struct answer_wanted *wanted,
		   const struct http_transfer *transfer, const struct http_reply *reply)
{
	bool is_html = has_type(transfer, "html");
	bool is_text = is_html || has_type(transfer, "text/") ||
		has_type(transfer, "json") || has_type(transfer, "xml") ||
		!http_transfer_header(transfer, "Content-Type");
	autofree char *body = NULL;
	char *line;

	if (!is_text || strlen(reply->body) != reply->body_length_bytes)
		return text_copy("");
	body = text_copy(reply->body);
	/* Before anything is cut: half a secret is not found. */
	blank_secrets(wanted->secrets, body, false);
	line = answer_quote(body, is_html);
	return *line ? text_format(": \"%s\"", line) : text_copy("");
}

/* Whose name the application was asked for; the caller frees it. */
static char *host_asked(const struct answer_wanted *wanted)
{
	autofree char *host = http_host_of(wanted->url);
	const char *asked = wanted->host ? wanted->host : host;

	return text_format("%.*s", HOST_MAX_BYTES, asked ? asked : "?");
}

static int refuse(const struct answer_wanted *wanted,
		  const struct http_transfer *transfer, const struct http_reply *reply,
		  struct error *err)
{
	autofree char *words = quote(wanted, transfer, reply);

	return error_set(err, EPROTO, "it answered %ld, not %lld%s", reply->status,
			 (long long)wanted->status, words);
}

/* Rails' host authorization, or something like it. */
static int refuse_host(const struct answer_wanted *wanted,
		       const struct http_transfer *transfer,
		       const struct http_reply *reply, struct error *err)
{
	autofree char *host = host_asked(wanted);

	if (strstr(reply->body, "Blocked host"))
		return error_set(
			err, EPROTO,
			"it answered 403, Rails' host authorization refuses the host "
			"'%s': set readiness.host to a name that config.hosts has",
			host);
	if (reply->body_length_bytes == 0)
		return error_set(
			err, EPROTO,
			"it answered 403 and nothing else, as Rails does for a host "
			"that config.hosts lacks, here '%s': set readiness.host to one "
			"that it has",
			host);
	return refuse(wanted, transfer, reply, err);
}

/* What stands behind scheme, host and port. */
static const char *path_of(const char *url)
{
	const char *authority = strstr(url, "://");

	authority = authority ? authority + 3 : url;
	authority += strcspn(authority, "/?#");
	return *authority ? authority : "/";
}

static int refuse_redirect(const struct answer_wanted *wanted, long status,
			   const char *redirect, struct error *err)
{
	autofree char *place = text_copy(redirect);

	blank_secrets(wanted->secrets, place, false);
	text_make_printable(place);
	if (strncasecmp(wanted->url, "http://", 7) == 0 &&
	    strncasecmp(redirect, "https://", 8) == 0 &&
	    strcmp(path_of(wanted->url), path_of(redirect)) == 0)
		return error_set(
			err, EPROTO,
			"it answered %ld, to %.*s: the application wants https, as Rails "
			"does with force_ssl: set readiness.headers to "
			"{\"X-Forwarded-Proto\": \"https\"}, which the load balancer "
			"sends, too",
			status, ANSWER_QUOTE_MAX_BYTES, place);
	return error_set(
		err, EPROTO,
		"it answered %ld, to %.*s: a redirect proves nothing: set readiness.url "
		"to an address that the application answers itself",
		status, ANSWER_QUOTE_MAX_BYTES, place);
}

/*
 * 502 and 504 are a proxy's; a 503 may be the application's own, unless the page is the
 * one that Nginx makes.
 */
static bool is_of_proxy(const struct http_reply *reply)
{
	if (reply->status == 502 || reply->status == 504)
		return true;
	return reply->status == 503 && strcasestr(reply->body, "<center>nginx");
}

static int refuse_proxy(const struct http_transfer *transfer,
			const struct http_reply *reply, struct error *err)
{
	const char *server = http_transfer_header(transfer, "Server");
	bool is_nginx = server && strncasecmp(server, "nginx", 5) == 0;

	return error_set(err, EPROTO,
			 "it answered %ld: %s answers, the application behind it %s",
			 reply->status, is_nginx ? "Nginx" : "a proxy",
			 reply->status == 504 ? "not in time" : "does not");
}

static int judge_revision(const struct answer_wanted *wanted,
			  const struct http_transfer *transfer, struct error *err)
{
	const char *found = http_transfer_header(transfer, wanted->revision_header);
	autofree char *shown = NULL;

	if (text_is_equal(found, wanted->revision))
		return 0;
	if (!found)
		return error_set(err, EPROTO,
				 "its answer has no header %s: correct "
				 "readiness.revision_header, or have the application "
				 "send it",
				 wanted->revision_header);
	if (*found && strncmp(wanted->revision, found, strlen(found)) == 0)
		return error_set(
			err, EPROTO,
			"its answer's header %s has only the first %zu digits of "
			"the revision, %s: have the application send all that "
			"its file REVISION has",
			wanted->revision_header, strlen(found), found);
	shown = text_format("%.12s", found);
	text_make_printable(shown);
	return error_set(err, ESTALE, "it answered with the code of %s, not %.12s", shown,
			 wanted->revision);
}

int answer_judge(const struct answer_wanted *wanted, const struct http_transfer *transfer,
		 const struct http_reply *reply, struct error *err)
{
	const char *redirect = http_transfer_redirect(transfer);

	if (reply->status != wanted->status) {
		if (redirect)
			return refuse_redirect(wanted, reply->status, redirect, err);
		if (reply->status == 403)
			return refuse_host(wanted, transfer, reply, err);
		if (is_of_proxy(reply))
			return refuse_proxy(transfer, reply, err);
		return refuse(wanted, transfer, reply, err);
	}
	return wanted->revision_header ? judge_revision(wanted, transfer, err) : 0;
}

static int explain_silence(const struct answer_wanted *wanted,
			   const struct http_transfer *transfer, const char *place,
			   struct error *err)
{
	double timeout_s = (double)wanted->timeout_ms / 1000;

	if (http_transfer_was_connected(transfer))
		return error_set(err, err->code,
				 "%s took the connection and did not answer within %.1f "
				 "s",
				 place, timeout_s);
	return error_set(err, err->code,
			 "%s took no connection in time: is the address right, does a "
			 "firewall drop it?",
			 place);
}

int answer_explain(const struct answer_wanted *wanted,
		   const struct http_transfer *transfer, struct error *err)
{
	autofree char *place = http_place_of(wanted->url);
	autofree char *reason = text_copy(err->text);

	if (err->code == -ECONNREFUSED)
		return error_set(err, err->code, "nothing listens at %s", place);
	if (err->code == -ETIMEDOUT)
		return explain_silence(wanted, transfer, place, err);
	if (http_transfer_has_distrusted(transfer))
		return error_set(
			err, err->code,
			"the certificate of %s is not trusted (%s): take an http address "
			"of this machine, or give its authority to "
			"update-ca-certificates",
			place, reason);
	return error_wrap(err, "%s", place);
}
