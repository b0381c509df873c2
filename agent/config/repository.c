/* SPDX-License-Identifier: MIT */
#include "config/repository.h"

#include "base/memory.h"
#include "base/text.h"

#include <stddef.h>
#include <string.h>

/*
 * Addresses are shown in errors, status and log, and stand in a configuration that many
 * may read: what could be a secret in one is refused, and what could still be one is not
 * shown. GitHub takes a token where the user stands, others one in the query.
 */

#define USER_MAX_BYTES 40
#define KEEP_TOKEN \
	"take it out, and name the secret that holds it in source.token_parameter"
#define KEEP_KEY \
	"take it out, and name the deploy key's secret in source.ssh_key_parameter"

static const struct {
	const char *scheme;
	enum repository_transport transport;
} schemes[] = {
	{ "http://", REPOSITORY_HTTP },
	{ "https://", REPOSITORY_HTTPS },
	{ "ssh://", REPOSITORY_SSH },
};

/* As the hosts' own documents tell their tokens apart, or too long for a name. */
static bool is_token(const char *user, size_t length)
{
	static const char *const beginnings[] = { "ghp_", "gho_",        "ghu_",  "ghs_",
						  "ghr_", "github_pat_", "glpat-" };

	for (size_t i = 0; i < ARRAY_COUNT(beginnings); i++)
		if (length >= strlen(beginnings[i]) &&
		    strncmp(user, beginnings[i], strlen(beginnings[i])) == 0)
			return true;
	return length > USER_MAX_BYTES;
}

/* [user@]host[:port]: a host is there, and no password. */
static bool is_authority(const char *text, size_t length)
{
	const char *at = memchr(text, '@', length);
	size_t user = at ? (size_t)(at - text) : 0;

	if (at && (user == 0 || memchr(text, ':', user) || is_token(text, user)))
		return false;
	if (at)
		length -= user + 1;
	text += at ? user + 1 : 0;
	/* A second one would make two readers see two hosts. */
	return length > 0 && text[0] != ':' && text[0] != '-' &&
		!memchr(text, '@', length);
}

/* user@host:path; the path is the server's business. */
static bool is_short_form(const char *address)
{
	size_t host = strcspn(address, ":/");

	return address[host] == ':' && address[host + 1] && memchr(address, '@', host) &&
		is_authority(address, host);
}

enum repository_transport repository_transport_of(const char *address)
{
	if (!text_is_printable(address))
		return REPOSITORY_UNKNOWN;
	for (size_t i = 0; i < ARRAY_COUNT(schemes); i++) {
		size_t scheme = strlen(schemes[i].scheme);

		if (strncmp(address, schemes[i].scheme, scheme) == 0)
			return !strpbrk(address, "?#") &&
					is_authority(address + scheme,
						     strcspn(address + scheme, "/"))
				? schemes[i].transport
				: REPOSITORY_UNKNOWN;
	}
	return is_short_form(address) ? REPOSITORY_SSH : REPOSITORY_UNKNOWN;
}

bool repository_is_local(const char *address)
{
	static const char *const locals[] = { "127.", "localhost", "[::1]" };
	const char *host = strstr(address, "://");
	size_t length, user;

	if (!host)
		return false;
	host += 3;
	length = strcspn(host, "/?#");
	user = strcspn(host, "@");
	if (user < length) {
		host += user + 1;
		length -= user + 1;
	}
	for (size_t i = 0; i < ARRAY_COUNT(locals); i++) {
		size_t local = strlen(locals[i]);

		if (length < local || strncmp(host, locals[i], local) != 0)
			continue;
		/* 127.evil.example is somebody else. */
		if (i == 0)
			return strspn(host, "0123456789.") >= strcspn(host, ":/?#");
		return length == local || host[local] == ':';
	}
	return false;
}

/* What stands before the host's '@', if anything does; *ret_length is 0 then. */
static const char *find_user(const char *address, size_t *ret_length)
{
	const char *begin = strstr(address, "://");
	const char *at;

	begin = begin ? begin + 3 : address;
	at = memrchr(begin, '@', strcspn(begin, "/?#"));
	*ret_length = at ? (size_t)(at - begin) : 0;
	return begin;
}

static bool is_http(const char *address)
{
	return strncmp(address, "http", strlen("http")) == 0 && strstr(address, "://");
}

const char *repository_refusal(const char *address)
{
	size_t length;
	const char *user = find_user(address, &length);

	if (memchr(user, ':', length))
		return is_http(address) ? "the address has a password: " KEEP_TOKEN
					: "the address has a password: " KEEP_KEY;
	if (is_token(user, length))
		return is_http(address)
			? "the user in the address looks like a token: " KEEP_TOKEN
			: "the user in the address looks like a token: " KEEP_KEY;
	if (strstr(address, "://") && strpbrk(address, "?#"))
		return "the address has a query or a fragment, which no repository "
		       "needs: take it out; a token in it belongs into a secret that "
		       "source.token_parameter names";
	return "expected a git repository's address as https://, http://, ssh:// or "
	       "user@host:path, found another text";
}

char *repository_shown(const char *address)
{
	size_t length;
	const char *rest = find_user(address, &length);
	int scheme = (int)(rest - address);

	if (scheme == 0)
		return text_copy(address);
	if (is_http(address) && length > 0)
		rest += length + 1;
	return text_format("%.*s%.*s", scheme, address, (int)strcspn(rest, "?#"), rest);
}
