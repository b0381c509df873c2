/* SPDX-License-Identifier: MIT */
#include "aws/container.h"

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * Credentials of a container (ECS, EKS), as the SDKs read them: "Container credential
 * provider" in AWS's reference guide for SDKs and tools. The authorization token must go
 * to nobody else: plain http only to this host and to the two agents' addresses. No
 * error repeats a variable's value, which may be a secret.
 */

#define RELATIVE_URI "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
#define FULL_URI "AWS_CONTAINER_CREDENTIALS_FULL_URI"
#define TOKEN "AWS_CONTAINER_AUTHORIZATION_TOKEN"
#define TOKEN_FILE "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
#define ECS_AGENT "http://169.254.170.2"
#define TOKEN_MAX_BYTES 16384

static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

bool container_is_configured(void)
{
	return variable(RELATIVE_URI) || variable(FULL_URI);
}

static bool is_agent_or_loopback(const char *host)
{
	static const char *const agents[] = { "localhost", "169.254.170.2",
					      "169.254.170.23", "[fd00:ec2::23]",
					      "[::1]" };
	struct in_addr address;

	for (size_t i = 0; i < ARRAY_COUNT(agents); i++)
		if (strcasecmp(host, agents[i]) == 0)
			return true;
	return inet_pton(AF_INET, host, &address) == 1 &&
		ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET;
}

static bool is_allowed(const char *text)
{
	CURLU *url = curl_url();
	char *scheme = NULL, *host = NULL;
	bool is_good;

	if (!url)
		abort();
	is_good = text_is_printable(text) &&
		curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
		curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		(strcmp(scheme, "https") == 0 ||
		 (strcmp(scheme, "http") == 0 && is_agent_or_loopback(host)));
	curl_free(scheme);
	curl_free(host);
	curl_url_cleanup(url);
	return is_good;
}

static int read_token(char **ret_token, struct error *err)
{
	const char *file = variable(TOKEN_FILE), *token = variable(TOKEN);
	int result;

	*ret_token = NULL;
	if (!file) {
		*ret_token = text_copy(token);
		return 0;
	}
	result = file_read(AT_FDCWD, file, TOKEN_MAX_BYTES, ret_token, NULL, err);
	if (result < 0)
		return error_wrap(err, TOKEN_FILE);
	text_trim_end(*ret_token);
	return 0;
}

static int make_header(char **ret_header, struct error *err)
{
	char *token = NULL;
	int result = read_token(&token, err);

	*ret_header = NULL;
	if (result < 0 || !token)
		return result;
	/* "Basic …": blanks are allowed, a line end would be a header of its own. */
	if (!*token || strpbrk(token, "\r\n"))
		result = error_set(err, EINVAL,
				   "the container's authorization token is unusable");
	else
		*ret_header = text_format("Authorization: %s", token);
	explicit_bzero(token, strlen(token));
	free(token);
	return result;
}

int container_request(char **ret_url, char **ret_header, struct error *err)
{
	const char *relative = variable(RELATIVE_URI), *full = variable(FULL_URI);
	autofree char *url =
		relative ? text_format(ECS_AGENT "%s", relative) : text_copy(full);
	int result;

	if (relative && (*relative != '/' || !is_allowed(url)))
		return error_set(err, EINVAL,
				 RELATIVE_URI " is unusable: a path is expected");
	if (!is_allowed(url))
		return error_set(err, EINVAL,
				 FULL_URI " is unusable: https is expected, or http to "
					  "this host, to 169.254.170.2 or to "
					  "169.254.170.23");
	result = make_header(ret_header, err);
	if (result == 0)
		*ret_url = TAKE(url);
	return result;
}
