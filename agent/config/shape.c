/* SPDX-License-Identifier: MIT */
#include "config/shape.h"

#include "base/memory.h"
#include "base/text.h"
#include "net/http.h"

#include <string.h>
#include <strings.h>

#define LINK_MAX_BYTES 255
#define VARIABLE_CHARACTERS \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
#define HEADER_CHARACTERS VARIABLE_CHARACTERS "-"
#define UNIT_CHARACTERS VARIABLE_CHARACTERS "-.:@\\"
#define UNIT_MAX_BYTES 255

bool shape_is_line(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			return false;
	return true;
}

bool shape_is_http_url(const char *text)
{
	size_t scheme = 0, authority;

	if (strncmp(text, "http://", 7) == 0)
		scheme = 7;
	else if (strncmp(text, "https://", 8) == 0)
		scheme = 8;
	if (scheme == 0 || !text_is_printable(text + scheme))
		return false;
	authority = strcspn(text + scheme, "/?#");
	if (authority == 0 || memchr(text + scheme, '@', authority))
		return false;
	return http_takes_url(text);
}

bool shape_is_branch(const char *text)
{
	size_t length = strlen(text);

	if (!shape_is_line(text) || strpbrk(text, " ~^:?*[\\") || strchr("-/", text[0]) ||
	    strchr("/.", text[length - 1]))
		return false;
	if (strstr(text, "..") || strstr(text, "//") || strstr(text, "@{"))
		return false;
	while (text) {
		const char *slash = strchr(text, '/');

		length = slash ? (size_t)(slash - text) : strlen(text);
		if (text[0] == '.' ||
		    (length >= 5 && strncmp(text + length - 5, ".lock", 5) == 0))
			return false;
		text = slash ? slash + 1 : NULL;
	}
	return true;
}

bool shape_is_path(const char *text)
{
	size_t length = strlen(text);

	if (text[0] != '/' || length < 2 || !shape_is_line(text) || strstr(text, "//"))
		return false;
	if (strstr(text, "/../") || strstr(text, "/./"))
		return false;
	return text[length - 1] != '/' && text[length - 1] != '.';
}

static bool is_reserved(const char *part, size_t length)
{
	static const char *const reserved[] = { "REVISION", ".bootagent", "current" };

	for (size_t i = 0; i < ARRAY_COUNT(reserved); i++)
		if (strlen(reserved[i]) == length &&
		    strncmp(part, reserved[i], length) == 0)
			return true;
	return false;
}

bool shape_is_link(const char *text)
{
	if (!shape_is_line(text) || strlen(text) > LINK_MAX_BYTES ||
	    is_reserved(text, strcspn(text, "/")))
		return false;
	for (;;) {
		size_t length = strcspn(text, "/");

		if (length == 0 || (length == 1 && text[0] == '.') ||
		    (length == 2 && text[0] == '.' && text[1] == '.'))
			return false;
		if (text[length] == '\0')
			return true;
		text += length + 1;
	}
}

bool shape_is_unit(const char *text)
{
	const char *suffix = strrchr(text, '.');

	if (!suffix || suffix == text || suffix[-1] == '@' || text[0] == '.' ||
	    strlen(text) > UNIT_MAX_BYTES)
		return false;
	if (strcmp(suffix, ".service") != 0 && strcmp(suffix, ".scope") != 0)
		return false;
	return text[strspn(text, UNIT_CHARACTERS)] == '\0';
}

const char *shape_header_refusal(const char *name)
{
	static const struct {
		const char *const names[8]; /* ends with NULL */
		const char *sentence;
	} refused[] = {
		{ { "Host" }, "the host has a key of its own: set readiness.host" },
		{ { "Authorization", "Proxy-Authorization", "Cookie" },
		  "a configuration holds no secrets: let the health check's path answer "
		  "without a login" },
		{ { "Connection", "Content-Length", "Expect", "Keep-Alive", "TE",
		    "Transfer-Encoding", "Upgrade" },
		  "it is about the connection and not the request: remove it" },
	};

	/* Merging would drop it without a word. */
	if (strncmp(name, "x-", 2) == 0)
		return "a member that begins with 'x-' is a remark: write the header "
		       "with a capital X";
	if (!*name || name[strspn(name, HEADER_CHARACTERS)])
		return "expected a header's name of letters, digits and '-'";
	for (size_t i = 0; i < ARRAY_COUNT(refused); i++)
		for (const char *const *other = refused[i].names; *other; other++)
			if (strcasecmp(name, *other) == 0)
				return refused[i].sentence;
	return NULL;
}

bool shape_is_header_value(const char *text)
{
	size_t length = strlen(text);

	if (length == 0 || text[0] == ' ' || text[length - 1] == ' ')
		return false;
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

bool shape_is_variable(const char *name)
{
	return *name && (*name < '0' || *name > '9') &&
		name[strspn(name, VARIABLE_CHARACTERS)] == '\0';
}
