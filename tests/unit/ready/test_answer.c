/* SPDX-License-Identifier: MIT */
#include "ready/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "net/fixture.h"
#include "secrets/secrets_types.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * The sentences. What Rails and Nginx answer is theirs: actionpack 6.1.7.10 of Debian 12
 * (HostAuthorization in production and with detailed errors, shortened to what is looked
 * at; SSL), and nginx 1.22's built-in page.
 */

#define HTML "Content-Type: text/html; charset=utf-8\r\n"
#define TEXT "Content-Type: text/plain\r\n"
#define NGINX "Server: nginx/1.22.1\r\nContent-Type: text/html\r\n"
#define SECRET "postgres://api:a-long-secret@db/api"
#define TIMEOUT_MS 300

static const char nginx_page[] =
	"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
	"<center><h1>502 Bad Gateway</h1></center>\r\n"
	"<hr><center>nginx/1.22.1</center>\r\n"
	"</body>\r\n</html>\r\n";
static const char nginx_busy[] =
	"<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n"
	"<hr><center>nginx</center>\r\n</html>\r\n";
static const char rails_blocked[] =
	"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n  <meta charset=\"utf-8\" />\n"
	"  <title>Action Controller: Exception caught</title>\n</head><body>\n<header>\n"
	"  <h1>Blocked host: 127.0.0.1</h1>\n</header>\n";
static const char rails_500[] =
	"<!DOCTYPE html>\n<html>\n<head>\n  <title>We're sorry, but something went wrong "
	"(500)</title>\n  <style>\n  body { color: #2E2F30; }\n";

static const struct canned_reply replies[] = {
	{ .request = "GET /good", .status = 200, .body = "ok" },
	{ .request = "GET /code", .status = 200, .headers = "X-Revision: abc\r\n" },
	{ .request = "GET /blocked",
	  .status = 403,
	  .headers = HTML,
	  .body = rails_blocked },
	{ .request = "GET /empty", .status = 403, .headers = HTML, .body = "" },
	{ .request = "GET /forbidden", .status = 403, .headers = TEXT, .body = "no\n" },
	{ .request = "GET /500", .status = 500, .headers = HTML, .body = rails_500 },
	{ .request = "GET /html",
	  .status = 500,
	  .headers = HTML,
	  .body = "<h1>\n Broken <b>pipe</b></h1>" },
	{ .request = "GET /json",
	  .status = 500,
	  .headers = "Content-Type: application/json\r\n",
	  .body = "{\"error\": \"no table\"}" },
	{ .request = "GET /secret",
	  .status = 500,
	  .headers = TEXT,
	  .body = "\n\ncannot reach " SECRET "\x1b[2J\nmore\n" },
	{ .request = "GET /binary",
	  .status = 500,
	  .headers = TEXT,
	  .body = "a\0b",
	  .body_length_bytes = 3 },
	{ .request = "GET /image",
	  .status = 500,
	  .headers = "Content-Type: image/png\r\n",
	  .body = "PNG" },
	{ .request = "GET /502", .status = 502, .headers = NGINX, .body = nginx_page },
	{ .request = "GET /503", .status = 503, .headers = NGINX, .body = nginx_busy },
	{ .request = "GET /504", .status = 504, .body = "" },
	{ .request = "GET /own503", .status = 503, .headers = NGINX, .body = "busy" },
	{ .request = "GET /ssl",
	  .status = 301,
	  .headers = "Content-Type: text/html\r\n"
		     "Location: https://api.example:3000/ssl?a=1\r\n",
	  .body = "" },
	{ .request = "GET /away",
	  .status = 302,
	  .headers = "Location: /users/sign_in\r\n",
	  .body = "" },
	{ .request = "GET /silent", .is_silent = true },
	{ .status = 404, .headers = TEXT, .body = "not here" },
};

struct asked {
	struct answer_wanted wanted;
	struct error err;
};

static int ask(struct net_fixture *net, struct asked *asked, const char *url)
{
	const struct http_request request = {
		.url = url,
		.connect_timeout_ms = 1000,
		.deadline = deadline_in(TIMEOUT_MS),
		.reply_max_bytes = 4096,
		.bypasses_proxy = true,
	};
	autotransfer struct http_transfer *transfer = NULL;
	const struct http_reply *reply = NULL;

	asked->wanted.url = url;
	asked->wanted.status = 200;
	asked->wanted.timeout_ms = TIMEOUT_MS;
	asked->err = (struct error){ 0 };
	assert_int_equal(http_perform(net->http, &request, &transfer, &asked->err), 0);
	if (http_transfer_result(transfer, &reply, &asked->err) < 0)
		return answer_explain(&asked->wanted, transfer, &asked->err);
	return answer_judge(&asked->wanted, transfer, reply, &asked->err);
}

static int ask_path(struct net_fixture *net, struct asked *asked, const char *path)
{
	autofree char *url = NULL;

	if (net->canned.port == 0)
		assert_int_equal(canned_start(&net->canned, replies), 0);
	url = text_format("%s%s", net->canned.url, path);
	return ask(net, asked, url);
}

static void expect(struct net_fixture *net, const char *path, const char *sentence)
{
	struct asked asked = { 0 };

	assert_int_equal(ask_path(net, &asked, path), -EPROTO);
	assert_string_equal(asked.err.text, sentence);
}

static void the_wanted_answer(void **state)
{
	struct asked asked = { 0 };

	assert_int_equal(ask_path(*state, &asked, "/good"), 0);
	assert_int_equal(asked.err.code, 0);
}

static void the_wanted_revision(void **state)
{
	struct asked asked = { .wanted = { .revision_header = "x-revision",
					   .revision = "abc" } };

	assert_int_equal(ask_path(*state, &asked, "/code"), 0);
	asked.wanted.revision = "abdef";
	assert_int_equal(ask_path(*state, &asked, "/code"), -ESTALE);
	assert_string_equal(asked.err.text,
			    "it answered with the code of abc, not abdef");
	asked.wanted.revision = "abcdef";
	assert_int_equal(ask_path(*state, &asked, "/code"), -EPROTO);
	assert_string_equal(asked.err.text,
			    "its answer's header x-revision has only the first 3 digits "
			    "of the revision, abc: have the application send all that "
			    "its file REVISION has");
	assert_int_equal(ask_path(*state, &asked, "/good"), -EPROTO);
	assert_string_equal(asked.err.text,
			    "its answer has no header x-revision: correct "
			    "readiness.revision_header, or have the application send it");
}

static void what_the_body_says_is_quoted(void **state)
{
	expect(*state, "/nowhere", "it answered 404, not 200: \"not here\"");
	expect(*state, "/forbidden", "it answered 403, not 200: \"no\"");
	expect(*state, "/500",
	       "it answered 500, not 200: \"We're sorry, but something went wrong "
	       "(500)\"");
	expect(*state, "/html", "it answered 500, not 200: \"Broken\"");
	expect(*state, "/json",
	       "it answered 500, not 200: \"{\"error\": \"no table\"}\"");
}

static void what_is_no_text_is_not_quoted(void **state)
{
	expect(*state, "/binary", "it answered 500, not 200");
	expect(*state, "/image", "it answered 500, not 200");
}

static void a_secret_is_blanked_and_no_terminal_is_steered(void **state)
{
	char variable[] = "DATABASE_URL=" SECRET;
	char *variables[] = { variable, NULL };
	struct secrets secrets = { .variables = { variables, 1 } };
	struct asked asked = { .wanted = { .secrets = &secrets } };

	assert_int_equal(ask_path(*state, &asked, "/secret"), -EPROTO);
	assert_string_equal(asked.err.text,
			    "it answered 500, not 200: \"cannot reach [secret] [2J\"");
}

static void rails_refuses_the_host(void **state)
{
	struct asked asked = { .wanted = { .host = "api.example" } };

	expect(*state, "/blocked",
	       "it answered 403, Rails' host authorization refuses the host '127.0.0.1': "
	       "set readiness.host to a name that config.hosts has");
	assert_int_equal(ask_path(*state, &asked, "/empty"), -EPROTO);
	assert_string_equal(asked.err.text,
			    "it answered 403 and nothing else, as Rails does for a host "
			    "that config.hosts lacks, here 'api.example': set "
			    "readiness.host to one that it has");
}

static void rails_wants_https(void **state)
{
	expect(*state, "/ssl?a=1",
	       "it answered 301, to https://api.example:3000/ssl?a=1: the application "
	       "wants https, as Rails does with force_ssl: set readiness.headers to "
	       "{\"X-Forwarded-Proto\": \"https\"}, which the load balancer sends, too");
}

static void another_redirect(void **state)
{
	struct net_fixture *net = *state;
	struct asked asked = { 0 };

	assert_int_equal(ask_path(net, &asked, "/away"), -EPROTO);
	assert_non_null(
		strstr(asked.err.text, "/users/sign_in: a redirect proves nothing"));
	assert_int_equal(canned_count(&net->canned, "GET "), 1);
}

static void a_proxy_without_its_application(void **state)
{
	expect(*state, "/502",
	       "it answered 502: Nginx answers, the application behind it does not");
	expect(*state, "/503",
	       "it answered 503: Nginx answers, the application behind it does not");
	expect(*state, "/504",
	       "it answered 504: a proxy answers, the application behind it not in time");
	expect(*state, "/own503", "it answered 503, not 200: \"busy\"");
}

static void nobody_listens(void **state)
{
	struct asked asked = { 0 };

	assert_int_equal(ask(*state, &asked, "http://127.0.0.1:9/"), -ECONNREFUSED);
	assert_string_equal(asked.err.text, "nothing listens at 127.0.0.1:9");
}

static void connected_and_silent(void **state)
{
	struct net_fixture *net = *state;
	struct asked asked = { 0 };
	char sentence[128];

	assert_int_equal(ask_path(net, &asked, "/silent"), -ETIMEDOUT);
	(void)snprintf(sentence, sizeof(sentence),
		       "127.0.0.1:%d took the connection and did not answer within 0.3 s",
		       net->canned.port);
	assert_string_equal(asked.err.text, sentence);
}

static void https_is_asked_of_a_port_that_speaks_http(void **state)
{
	struct net_fixture *net = *state;
	struct asked asked = { 0 };
	autofree char *url = NULL;

	assert_int_equal(ask_path(net, &asked, "/good"), 0);
	url = text_format("https://127.0.0.1:%d/", net->canned.port);
	assert_true(ask(net, &asked, url) < 0);
	assert_int_equal(strncmp(asked.err.text, "127.0.0.1:", 10), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(the_wanted_answer),
		net_test(the_wanted_revision),
		net_test(what_the_body_says_is_quoted),
		net_test(what_is_no_text_is_not_quoted),
		net_test(a_secret_is_blanked_and_no_terminal_is_steered),
		net_test(rails_refuses_the_host),
		net_test(rails_wants_https),
		net_test(another_redirect),
		net_test(a_proxy_without_its_application),
		net_test(nobody_listens),
		net_test(connected_and_silent),
		net_test(https_is_asked_of_a_port_that_speaks_http),
	};

	return cmocka_run_group_tests_name("ready_answer", tests, NULL, NULL);
}
