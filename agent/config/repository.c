/* SPDX-License-Identifier: MIT */
#include "config/repository.h"

#include "base/text.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *scheme;
	enum repository_transport transport;
} schemes[] = {
	{ "http://", REPOSITORY_HTTP },
	{ "https://", REPOSITORY_HTTPS },
	{ "ssh://", REPOSITORY_SSH },
};

/* [user@]host[:port]: a host is there, and no password. */
static bool is_authority(const char *text, size_t length)
{
	const char *at = memchr(text, '@', length);
	size_t user = at ? (size_t)(at - text) : 0;

	if (at && (user == 0 || memchr(text, ':', user)))
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
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t scheme = strlen(schemes[i].scheme);

		if (strncmp(address, schemes[i].scheme, scheme) == 0)
			return is_authority(address + scheme,
					    strcspn(address + scheme, "/?#"))
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
	for (size_t i = 0; i < sizeof(locals) / sizeof(locals[0]); i++) {
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
