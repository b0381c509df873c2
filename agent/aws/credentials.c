/* SPDX-License-Identifier: MIT */
#include "aws/credentials.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "metadata/imds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * Keys for signing: from the environment as every AWS tool takes them, else from the
 * instance's role, in two steps (its name, then its keys). Asked for when a call first
 * needs them, so that a boot outside a group never does.
 */

#define CREDENTIALS_MARGIN_MS (5 * 60 * 1000)
#define CREDENTIALS_PATH "meta-data/iam/security-credentials/"
#define ROLE_NAME_MAX_BYTES 64

static void wipe(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}

static void forget(struct credentials *credentials)
{
	wipe(&credentials->access_key);
	wipe(&credentials->secret_key);
	wipe(&credentials->session_token);
	credentials->expires_at_ms = 0;
}

void credentials_init(struct credentials *credentials, struct imds *imds)
{
	const char *access_key = getenv("AWS_ACCESS_KEY_ID");
	const char *secret_key = getenv("AWS_SECRET_ACCESS_KEY");
	const char *token = getenv("AWS_SESSION_TOKEN");

	*credentials = (struct credentials){ .imds = imds };
	if (!access_key || !secret_key || !*access_key || !*secret_key)
		return;
	credentials->access_key = text_copy(access_key);
	credentials->secret_key = text_copy(secret_key);
	credentials->session_token = token && *token ? text_copy(token) : NULL;
}

void credentials_cancel(struct credentials *credentials)
{
	imds_query_free(credentials->query);
	credentials->query = NULL;
}

void credentials_done(struct credentials *credentials)
{
	credentials_cancel(credentials);
	forget(credentials);
}

bool credentials_are_fresh(const struct credentials *credentials)
{
	if (!credentials->access_key)
		return false;
	return credentials->expires_at_ms == 0 ||
		clock_realtime_ms() + CREDENTIALS_MARGIN_MS < credentials->expires_at_ms;
}

static void finish(struct credentials *credentials, int result, const struct error *err)
{
	credentials_cancel(credentials);
	credentials->on_done(result, err, credentials->userdata);
}

/* "2026-11-24T12:00:00Z" as milliseconds since 1970; 0 if it is not such a text. */
static int64_t read_time(const char *text)
{
	struct tm utc = { 0 };

	if (!text || !strptime(text, "%Y-%m-%dT%H:%M:%SZ", &utc))
		return 0;
	return (int64_t)timegm(&utc) * 1000;
}

static int keep_keys(struct credentials *credentials, const char *text, struct error *err)
{
	autojson struct json_object *document = NULL;
	const char *access_key, *secret_key, *token;
	int64_t expires_at_ms;
	int result =
		json_parse(text, strlen(text), "the role's credentials", &document, err);

	if (result < 0)
		return result;
	access_key = json_string(document, "AccessKeyId");
	secret_key = json_string(document, "SecretAccessKey");
	token = json_string(document, "Token");
	expires_at_ms = read_time(json_string(document, "Expiration"));
	/*
	 * They go into headers: a line end in one of them would be a header of its own.
	 */
	if (!text_is_printable(access_key) || !text_is_printable(secret_key) ||
	    !text_is_printable(token) || expires_at_ms == 0)
		return error_set(err, EPROTO, "the role's credentials are incomplete");
	forget(credentials);
	credentials->access_key = text_copy(access_key);
	credentials->secret_key = text_copy(secret_key);
	credentials->session_token = text_copy(token);
	credentials->expires_at_ms = expires_at_ms;
	return 0;
}

static void on_keys(struct imds_query *query, void *userdata)
{
	struct credentials *credentials = userdata;
	struct error err = { 0 };
	const char *text;
	int result = imds_query_result(query, &text, &err);

	if (result == 0)
		result = keep_keys(credentials, text, &err);
	finish(credentials, result, &err);
}

static bool is_role_name(const char *text, size_t length)
{
	if (length == 0 || length > ROLE_NAME_MAX_BYTES)
		return false;
	/* IAM: letters, digits and +=,.@_- */
	return strspn(text,
		      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		      "+=,.@_-") >= length;
}

static int ask(struct credentials *credentials, const char *path,
	       void (*on_done)(struct imds_query *query, void *userdata),
	       struct error *err)
{
	int result = imds_start(credentials->imds, path, credentials->deadline,
				&credentials->query, err);

	if (result == 0)
		imds_query_on_done(credentials->query, on_done, credentials);
	return result;
}

static int ask_keys(struct credentials *credentials, const char *role, struct error *err)
{
	size_t length = strcspn(role, "\r\n");
	autofree char *path = NULL;

	if (!is_role_name(role, length))
		return error_set(err, EPROTO, "the instance's role has an unusable name");
	credentials_cancel(credentials);
	path = text_format(CREDENTIALS_PATH "%.*s", (int)length, role);
	return ask(credentials, path, on_keys, err);
}

static void on_role(struct imds_query *query, void *userdata)
{
	struct credentials *credentials = userdata;
	autofree char *role = NULL;
	struct error err = { 0 };
	const char *text = NULL;
	int result = imds_query_result(query, &text, &err);

	if (result == -ENOENT)
		result = error_set(
			&err, ENOENT,
			"the instance has no IAM role: attach an instance profile");
	role = text_copy(text);
	if (result == 0)
		result = ask_keys(credentials, role, &err);
	if (result < 0)
		finish(credentials, result, &err);
}

int credentials_start(struct credentials *credentials, struct deadline deadline,
		      void (*on_done)(int result, const struct error *err,
				      void *userdata),
		      void *userdata, struct error *err)
{
	if (credentials->query)
		return error_set(err, EBUSY, "credentials are being fetched already");
	credentials->deadline = deadline;
	credentials->on_done = on_done;
	credentials->userdata = userdata;
	return ask(credentials, CREDENTIALS_PATH, on_role, err);
}
