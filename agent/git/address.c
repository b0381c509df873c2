/* SPDX-License-Identifier: MIT */
#include "git/address.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * A repository's address taken apart. libgit2 gets one from which user and password are
 * gone: what is not in there it can neither show nor send where we do not want it. A host
 * name goes into a known_hosts file and a path into a command line on the server, so
 * what could break out of either is refused.
 */

#define PORT_MAX 65535

static const struct scheme {
	const char *beginning;
	enum address_scheme scheme;
	int port;
} schemes[] = {
	{ "http://", ADDRESS_HTTP, 80 },
	{ "https://", ADDRESS_HTTPS, 443 },
	{ "ssh://", ADDRESS_SSH, 22 },
};

static int hex_digit(char c)
{
	return isdigit((unsigned char)c)     ? c - '0'
		: isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
					     : -1;
}

static char *decode(const char *text, size_t length)
{
	char *decoded = memory_new(length + 1, 1);
	char *end = decoded;

	for (size_t i = 0; i < length; i++) {
		bool is_coded = text[i] == '%' && i + 2 < length &&
			hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0;

		if (is_coded) {
			*end++ = (char)(hex_digit(text[i + 1]) * 16 +
					hex_digit(text[i + 2]));
			i += 2;
		} else {
			*end++ = text[i];
		}
	}
	return decoded;
}

static bool is_host(const char *host)
{
	return host[0] != '\0' && host[0] != '-' &&
		host[strspn(host,
			    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "0123456789.-_:")] == '\0';
}

static int parse_port(const char *text, const char *end, int usual, int *ret_port)
{
	char *stop = NULL;
	long port;

	if (text == end) {
		*ret_port = usual;
		return 0;
	}
	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	port = strtol(text, &stop, 10);
	if (stop != end || port < 1 || port > PORT_MAX)
		return -EINVAL;
	*ret_port = (int)port;
	return 0;
}

/* "host", "host:port", "[::1]:port" */
static int parse_host(const char *begin, const char *end, int usual_port,
		      struct address *address)
{
	const char *close =
		*begin == '[' ? memchr(begin, ']', (size_t)(end - begin)) : NULL;
	const char *host = close ? begin + 1 : begin;
	const char *rest = close ? close + 1 : memchr(begin, ':', (size_t)(end - begin));
	const char *host_end = close ? close : rest ? rest : end;

	address->host = strndup(host, (size_t)(host_end - host));
	if (!address->host)
		abort();
	if (!is_host(address->host))
		return -EINVAL;
	if (!rest || rest == end)
		return parse_port(end, end, usual_port, &address->port);
	return *rest == ':' ? parse_port(rest + 1, end, usual_port, &address->port)
			    : -EINVAL;
}

static void parse_user(const char *begin, const char *end, struct address *address)
{
	const char *colon = memchr(begin, ':', (size_t)(end - begin));

	address->user = decode(begin, (size_t)((colon ? colon : end) - begin));
	if (colon)
		address->password = decode(colon + 1, (size_t)(end - colon - 1));
}

static int refuse(const struct address *address, struct error *err)
{
	if (!address->host || !is_host(address->host))
		return error_set(err, EINVAL,
				 "the address has no host name that could be one");
	return error_set(err, EINVAL,
			 "the port in the address is not a number of 1 to %d", PORT_MAX);
}

static int refuse_form(struct error *err)
{
	return error_set(
		err, EINVAL,
		"the address is none to fetch from: it must begin with https://, "
		"ssh:// or http://, or have the form git@host:path");
}

static int finish_ssh(struct address *address, const char *path, struct error *err)
{
	if (address->password)
		return error_set(err, EINVAL,
				 "the address has a password, which SSH makes no use of: "
				 "take it out and set source.ssh_key_parameter");
	if (strpbrk(path, "'\n") || path[strspn(path, "/")] == '\0')
		return error_set(err, EINVAL,
				 "the path in the address cannot be one of a repository");
	return 0;
}

static int parse_url(const struct scheme *scheme, const char *text,
		     struct address *address, struct error *err)
{
	const char *begin = text + strlen(scheme->beginning);
	const char *end = begin + strcspn(begin, "/?#");
	const char *at = memrchr(begin, '@', (size_t)(end - begin));
	const char *host = at ? at + 1 : begin;

	address->scheme = scheme->scheme;
	if (at)
		parse_user(begin, at, address);
	if (parse_host(host, end, scheme->port, address) < 0)
		return refuse(address, err);
	if (scheme->scheme != ADDRESS_SSH) {
		address->url = text_format("%s%s", scheme->beginning, host);
		return 0;
	}
	if (at && at > begin && !address->password)
		address->url = text_copy(text);
	else
		address->url = text_format("%sgit@%s", scheme->beginning, host);
	return finish_ssh(address, end, err);
}

/* scp's form: a colon before any slash. */
static int parse_scp(const char *text, struct address *address, struct error *err)
{
	const char *colon = text + strcspn(text, ":/");
	const char *at = memrchr(text, '@', (size_t)(colon - text));
	const char *host = at ? at + 1 : text;

	if (*colon != ':' || colon == host)
		return refuse_form(err);
	address->scheme = ADDRESS_SSH;
	if (parse_host(host, colon, 22, address) < 0)
		return refuse(address, err);
	address->url = at ? text_copy(text) : text_format("git@%s", text);
	return finish_ssh(address, colon + 1, err);
}

/* A colon with two slashes may also stand in a path. */
static bool is_url(const char *text)
{
	return strncmp(text + strcspn(text, ":/"), "://", strlen("://")) == 0;
}

static const struct scheme *find_scheme(const char *text)
{
	for (size_t i = 0; i < ARRAY_COUNT(schemes); i++)
		if (strncasecmp(text, schemes[i].beginning,
				strlen(schemes[i].beginning)) == 0)
			return &schemes[i];
	return NULL;
}

int address_parse(const char *text, struct address *ret_address, struct error *err)
{
	struct address address = { 0 };
	const struct scheme *scheme = find_scheme(text);
	int result = scheme    ? parse_url(scheme, text, &address, err)
		: is_url(text) ? refuse_form(err)
			       : parse_scp(text, &address, err);

	if (result < 0) {
		address_done(&address);
		return result;
	}
	*ret_address = address;
	return 0;
}

static void wipe(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

void address_done(struct address *address)
{
	wipe(address->user);
	wipe(address->password);
	free(address->url);
	free(address->host);
	*address = (struct address){ 0 };
}

bool address_is_loopback(const struct address *address)
{
	struct in_addr four;
	struct in6_addr six;

	if (strcasecmp(address->host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, address->host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, address->host, &six) == 1 &&
		IN6_IS_ADDR_LOOPBACK(&six);
}
