/* SPDX-License-Identifier: MIT */
#include "metadata/endpoint.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * The variables that every AWS tool honours (facts I11), and the service's two addresses.
 * A wrong value is told, not ignored: whoever set it meant something by it. It is not
 * repeated: it may hold a password, and run.json is for everybody.
 */

#define ENDPOINT "AWS_EC2_METADATA_SERVICE_ENDPOINT"
#define MODE "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"
#define DISABLED "AWS_EC2_METADATA_DISABLED"
#define ENDPOINT_IPV4 "http://169.254.169.254"
#define ENDPOINT_IPV6 "http://[fd00:ec2::254]"

static void add(struct endpoints *endpoints, const char *url)
{
	char *copy = text_copy(url);
	size_t length = strlen(copy);

	while (length > 0 && copy[length - 1] == '/')
		copy[--length] = '\0';
	endpoints->urls[endpoints->count++] = copy;
}

static bool has_part(CURLU *url, CURLUPart part)
{
	char *text = NULL;
	bool is_there = curl_url_get(url, part, &text, 0) == CURLUE_OK;

	curl_free(text);
	return is_there;
}

bool endpoint_is_url(const char *text)
{
	CURLU *url = curl_url();
	bool is_good;

	if (!url)
		abort();
	is_good = (strncasecmp(text, "http://", 7) == 0 ||
		   strncasecmp(text, "https://", 8) == 0) &&
		text_is_printable(text) &&
		curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
		has_part(url, CURLUPART_HOST) && !has_part(url, CURLUPART_USER) &&
		!has_part(url, CURLUPART_QUERY) && !has_part(url, CURLUPART_FRAGMENT);
	curl_url_cleanup(url);
	return is_good;
}

static int add_mode(struct endpoints *endpoints, const char *mode, struct error *err)
{
	if (strcasecmp(mode, "ipv4") == 0)
		add(endpoints, ENDPOINT_IPV4);
	else if (strcasecmp(mode, "ipv6") == 0)
		add(endpoints, ENDPOINT_IPV6);
	else
		return error_set(err, EINVAL,
				 MODE " is unusable: IPv4 or IPv6 is expected");
	return 0;
}

int endpoints_init(struct endpoints *endpoints, struct error *err)
{
	const char *endpoint = getenv(ENDPOINT);
	const char *mode = getenv(MODE);

	*endpoints = (struct endpoints){ 0 };
	if (endpoint && *endpoint && !endpoint_is_url(endpoint))
		return error_set(err, EINVAL,
				 ENDPOINT " is unusable: http://HOST[:PORT] is expected");
	if (endpoint && *endpoint) {
		add(endpoints, endpoint);
		return 0;
	}
	if (mode && *mode)
		return add_mode(endpoints, mode, err);
	add(endpoints, ENDPOINT_IPV4);
	add(endpoints, ENDPOINT_IPV6);
	return 0;
}

void endpoints_done(struct endpoints *endpoints)
{
	for (size_t i = 0; i < endpoints->count; i++)
		free(endpoints->urls[i]);
	*endpoints = (struct endpoints){ 0 };
}

void endpoints_keep(struct endpoints *endpoints, size_t index)
{
	char *kept;

	if (endpoints->count == 1)
		return;
	kept = TAKE(endpoints->urls[index]);
	endpoints_done(endpoints);
	endpoints->urls[0] = kept;
	endpoints->count = 1;
}

bool endpoints_are_disabled(void)
{
	const char *text = getenv(DISABLED);

	return text && strcasecmp(text, "true") == 0;
}
