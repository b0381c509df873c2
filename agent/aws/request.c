/* SPDX-License-Identifier: MIT */
#include "aws/request.h"

#include "aws/aws.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "metadata/endpoint.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * What goes out, in either protocol: everything is posted to "/" (facts A5), the query
 * protocol's parameters as a form, the JSON protocol's as a document with the action in a
 * header.
 */

#define ENDPOINT_URL "AWS_ENDPOINT_URL"

/* The variable that says where, or NULL. */
static const char *endpoint_variable(const struct aws_service *service)
{
	const char *const names[] = { service->variable, ENDPOINT_URL };

	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			return names[i];
	}
	return NULL;
}

int request_url(const struct aws *aws, const struct aws_service *service, char **ret_url,
		struct error *err)
{
	const char *variable = endpoint_variable(service);
	char *url;

	if (variable && !endpoint_is_url(getenv(variable)))
		return error_set(err, EINVAL,
				 "%s is unusable: http://HOST[:PORT] or https://HOST is "
				 "expected",
				 variable);
	if (!text_is_name(aws->region))
		return error_set(
			err, EINVAL,
			"AWS_REGION is unusable: the name of a region is expected");
	if (variable)
		url = text_format("%s/", getenv(variable));
	else
		url = text_format("https://%s.%s.%s/", service->signing_name, aws->region,
				  aws->domain);
	while (strlen(url) > 1 && strcmp(url + strlen(url) - 2, "//") == 0)
		url[strlen(url) - 1] = '\0';
	*ret_url = url;
	return 0;
}

/* libcurl's variables, in its order; HTTP_PROXY is none of them. */
static const char *proxy_variable(const char *url)
{
	static const char *const names[] = { "http_proxy", "https_proxy", "HTTPS_PROXY",
					     "all_proxy", "ALL_PROXY" };
	bool is_https = strncasecmp(url, "https:", 6) == 0;

	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		const char *value = getenv(names[i]);
		bool is_for_it = i >= 3 || is_https == (i > 0);

		if (is_for_it && value && *value)
			return names[i];
	}
	return NULL;
}

char *request_place(const struct aws_service *service, const char *url)
{
	const char *endpoint = endpoint_variable(service), *proxy = proxy_variable(url);
	const char *host = strstr(url, "://");
	int length = (int)strlen(url);

	if (host)
		length = (int)(host + 3 - url) + (int)strcspn(host + 3, "/");
	if (endpoint && proxy)
		return text_format("%.*s (%s and %s are set)", length, url, endpoint,
				   proxy);
	if (endpoint || proxy)
		return text_format("%.*s (%s is set)", length, url,
				   endpoint ? endpoint : proxy);
	return text_format("%.*s", length, url);
}

static char *append_field(char *body, const char *name, const char *value)
{
	char *escaped = curl_easy_escape(NULL, value, 0);
	char *longer;

	if (!escaped)
		abort();
	longer = text_format("%s%s%s=%s", body ? body : "", body ? "&" : "", name,
			     escaped);
	curl_free(escaped);
	free(body);
	return longer;
}

static char *form_of(const struct aws_request *request)
{
	const struct aws_parameter *field = request->parameters;
	char *body = append_field(NULL, "Action", request->action);

	body = append_field(body, "Version", request->service->api_version);
	for (; field && field->name; field++)
		body = append_field(body, field->name, field->value);
	return body;
}

char *request_body(const struct aws_request *request)
{
	if (!request->service->target_prefix)
		return form_of(request);
	return text_format("%s", request->body ? json_line(request->body) : "{}");
}

char *request_target(const struct aws_request *request)
{
	if (!request->service->target_prefix)
		return NULL;
	return text_format("x-amz-target: %s.%s", request->service->target_prefix,
			   request->action);
}
