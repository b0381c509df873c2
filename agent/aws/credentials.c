/* SPDX-License-Identifier: MIT */
#include "aws/credentials.h"

#include "aws/container.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "metadata/imds.h"
#include "net/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Keys for signing: from the environment as every AWS tool takes them, else from the
 * container's endpoint, else from the instance's role, in two steps (its name, then its
 * keys). Asked for when a call first needs them, so that a boot outside a group never
 * does. A role's keys appear some seconds after the launch (facts I4): what is not there
 * yet is asked for again here; what goes wrong otherwise is the caller's to try again.
 */

#define CREDENTIALS_MARGIN_MS (5 * 60 * 1000)
#define CREDENTIALS_PATH "meta-data/iam/security-credentials/"
#define ROLE_NAME_MAX_BYTES 64
#define HIDDEN_MIN_BYTES 8
/* Facts I1, I4: as long as the metadata service itself may take to come up. */
#define APPEAR_WITHIN_MS 240000
#define APPEAR_FIRST_RETRY_MS 500
#define APPEAR_RETRY_CAP_MS 2000
#define CONTAINER_CONNECT_TIMEOUT_MS 2000
#define CONTAINER_TRY_TIMEOUT_MS 5000
#define CONTAINER_REPLY_MAX_BYTES 65536

/* Not there yet, or not whole yet. */
static const struct retry_rule appear_rules[] = {
	{ -ENOKEY, RETRY_TRANSIENT },
	{ -EPERM, RETRY_TRANSIENT },
	{ -EPROTO, RETRY_TRANSIENT },
	{ 0, RETRY_PERMANENT },
};

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

static bool is_set(const char *variable)
{
	return variable && *variable;
}

void credentials_init(struct credentials *credentials, struct imds *imds)
{
	const char *access_key = getenv("AWS_ACCESS_KEY_ID");
	const char *secret_key = getenv("AWS_SECRET_ACCESS_KEY");
	const char *token = getenv("AWS_SESSION_TOKEN");

	*credentials = (struct credentials){ .imds = imds, .source = CREDENTIALS_ROLE };
	if (container_is_configured())
		credentials->source = CREDENTIALS_CONTAINER;
	if (!is_set(access_key) && !is_set(secret_key))
		return;
	credentials->source = CREDENTIALS_ENVIRONMENT;
	if (!is_set(access_key) || !is_set(secret_key))
		return;
	credentials->access_key = text_copy(access_key);
	credentials->secret_key = text_copy(secret_key);
	credentials->session_token = is_set(token) ? text_copy(token) : NULL;
}

static void drop_request(struct credentials *credentials)
{
	imds_query_free(TAKE(credentials->query));
	http_transfer_free(TAKE(credentials->transfer));
}

void credentials_cancel(struct credentials *credentials)
{
	drop_request(credentials);
	retry_done(&credentials->retry);
	credentials->is_fetching = false;
}

void credentials_done(struct credentials *credentials)
{
	credentials_cancel(credentials);
	forget(credentials);
	free(credentials->role);
	credentials->role = NULL;
}

static bool are_valid_for(const struct credentials *credentials, int64_t margin_ms)
{
	if (!credentials->access_key)
		return false;
	return credentials->expires_at_ms == 0 ||
		clock_realtime_ms() + margin_ms < credentials->expires_at_ms;
}

bool credentials_are_fresh(const struct credentials *credentials)
{
	return are_valid_for(credentials, CREDENTIALS_MARGIN_MS);
}

bool credentials_are_valid(const struct credentials *credentials)
{
	return are_valid_for(credentials, 0);
}

static void hide(const char *secret, char *text, size_t length_bytes)
{
	size_t secret_bytes = secret ? strlen(secret) : 0;
	char *end = text + length_bytes, *found = text;

	if (secret_bytes < HIDDEN_MIN_BYTES)
		return;
	while ((found = memmem(found, (size_t)(end - found), secret, secret_bytes)))
		memset(found, '*', secret_bytes);
}

void credentials_hide(const struct credentials *credentials, char *text,
		      size_t length_bytes)
{
	if (length_bytes == 0)
		return;
	hide(credentials->access_key, text, length_bytes);
	hide(credentials->secret_key, text, length_bytes);
	hide(credentials->session_token, text, length_bytes);
}

bool credentials_forget(struct credentials *credentials)
{
	if (credentials->source == CREDENTIALS_ENVIRONMENT)
		return false;
	forget(credentials);
	return true;
}

static void finish(struct credentials *credentials, int result, const struct error *err)
{
	credentials_cancel(credentials);
	credentials->on_done(result, err, credentials->userdata);
}

/* The end of one try: what is not there yet is asked for again. */
static void conclude(struct credentials *credentials, int result, struct error *err)
{
	const struct retry_hint hint = { 0 };
	bool is_missing = result == -ENOKEY;

	drop_request(credentials);
	if (result == 0) {
		retry_succeeded(&credentials->retry);
		finish(credentials, 0, err);
		return;
	}
	result = retry_later(&credentials->retry, &hint, err);
	if (result == 0)
		return;
	/* Time is over, and that is why. */
	if (is_missing)
		result = err->code = -ENOKEY;
	finish(credentials, result, err);
}

static int keep_keys(struct credentials *credentials, const struct json_object *document,
		     struct error *err)
{
	const char *code = json_string(document, "Code");
	const char *access_key, *secret_key, *token;
	int64_t expires_at_ms;

	if (code && strcmp(code, "Success") != 0)
		return error_set(err, EPROTO, "the role's credentials are not there: %s",
				 code);
	access_key = json_string(document, "AccessKeyId");
	secret_key = json_string(document, "SecretAccessKey");
	token = json_string(document, "Token");
	expires_at_ms = clock_parse_utc(json_string(document, "Expiration"));
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

int credentials_read(struct credentials *credentials, const char *text, struct error *err)
{
	autojson struct json_object *document = NULL;
	struct error problem;
	int result;

	/* Not json_parse()'s text: it may quote what it cannot read. */
	if (json_parse(text, strlen(text), "the credentials", &document, &problem) < 0)
		return error_set(err, EPROTO, "the credentials are not JSON");
	result = keep_keys(credentials, document, err);
	json_wipe(document);
	return result;
}

static void on_keys(struct imds_query *query, void *userdata)
{
	struct credentials *credentials = userdata;
	struct error err = { 0 };
	const char *text;
	int result = imds_query_result(query, &text, &err);

	if (result == 0)
		result = credentials_read(credentials, text, &err);
	else if (result == -ENOENT)
		result = error_set(&err, ENOKEY,
				   "the role '%s' has no keys yet: does its trust policy "
				   "name ec2.amazonaws.com?",
				   credentials->role);
	conclude(credentials, result, &err);
}

static bool is_role_name(const char *text, size_t length)
{
	if (length == 0 || length > ROLE_NAME_MAX_BYTES)
		return false;
	/* A URL's way up, not a name. */
	if (length <= 2 && strspn(text, ".") >= length)
		return false;
	/* IAM: letters, digits and +=,.@_- */
	return strspn(text,
		      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		      "+=,.@_-") >= length;
}

int credentials_role_path(const char *text, char **ret_path, struct error *err)
{
	size_t length = strcspn(text, "\r\n");

	if (!is_role_name(text, length))
		return error_set(err, EPROTO, "the instance's role has an unusable name");
	*ret_path = text_format(CREDENTIALS_PATH "%.*s", (int)length, text);
	return 0;
}

static int ask(struct credentials *credentials, const char *path,
	       void (*on_done)(struct imds_query *query, void *userdata),
	       struct error *err)
{
	const struct imds_request request = { .path = path,
					      .deadline = credentials->deadline };
	int result = imds_start(credentials->imds, &request, &credentials->query, err);

	if (result == 0)
		imds_query_on_done(credentials->query, on_done, credentials);
	return result;
}

static int ask_keys(struct credentials *credentials, const char *text, struct error *err)
{
	autofree char *path = NULL;
	int result = credentials_role_path(text, &path, err);

	if (result < 0)
		return result;
	free(credentials->role);
	credentials->role = text_copy(strrchr(path, '/') + 1);
	drop_request(credentials);
	return ask(credentials, path, on_keys, err);
}

static void on_role(struct imds_query *query, void *userdata)
{
	struct credentials *credentials = userdata;
	struct error err = { 0 };
	const char *text = NULL;
	int result = imds_query_result(query, &text, &err);

	if (result == 0)
		result = ask_keys(credentials, text, &err);
	else if (result == -ENOENT)
		result = error_set(
			&err, ENOKEY,
			"the instance has no IAM role: attach an instance profile");
	if (result < 0)
		conclude(credentials, result, &err);
}

static int judge_container(struct credentials *credentials,
			   const struct http_transfer *transfer, struct error *err)
{
	const struct http_reply *reply = NULL;
	int result = http_transfer_result(transfer, &reply, err);

	if (result < 0)
		return error_wrap(err, "ask the container's credentials endpoint");
	if (reply->status == 429 || reply->status >= 500)
		return error_set(err, EAGAIN,
				 "the container's credentials endpoint answered %ld",
				 reply->status);
	if (reply->status != 200)
		return error_set(err, EACCES,
				 "the container's credentials endpoint answered %ld",
				 reply->status);
	return credentials_read(credentials, reply->body, err);
}

static void on_container(struct http_transfer *transfer, void *userdata)
{
	struct credentials *credentials = userdata;
	struct error err = { 0 };
	int result = judge_container(credentials, transfer, &err);

	conclude(credentials, result, &err);
}

static int ask_container(struct credentials *credentials, struct error *err)
{
	autofree char *url = NULL;
	autofree char *header = NULL;
	int result = container_request(&url, &header, err);
	const char *const headers[] = { header, NULL };
	const struct http_request request = {
		.url = url,
		.headers = headers,
		.connect_timeout_ms = CONTAINER_CONNECT_TIMEOUT_MS,
		.deadline = deadline_sooner(deadline_in(CONTAINER_TRY_TIMEOUT_MS),
					    credentials->deadline),
		.reply_max_bytes = CONTAINER_REPLY_MAX_BYTES,
		.bypasses_proxy = true,
	};

	if (result < 0)
		return result;
	result = http_start(credentials->imds->http, &request, on_container, credentials,
			    &credentials->transfer, err);
	if (header)
		explicit_bzero(header, strlen(header));
	return result;
}

static int ask_source(struct credentials *credentials, struct error *err)
{
	if (credentials->source == CREDENTIALS_CONTAINER)
		return ask_container(credentials, err);
	return ask(credentials, CREDENTIALS_PATH, on_role, err);
}

static void ask_again(void *userdata)
{
	struct credentials *credentials = userdata;
	struct error err = { 0 };
	int result = ask_source(credentials, &err);

	if (result < 0)
		finish(credentials, result, &err);
}

int credentials_start(struct credentials *credentials, struct deadline deadline,
		      void (*on_done)(int result, const struct error *err,
				      void *userdata),
		      void *userdata, struct error *err)
{
	const struct retry_plan plan = {
		.loop = credentials->imds->loop,
		.what = "credentials",
		.rules = appear_rules,
		.first_ms = APPEAR_FIRST_RETRY_MS,
		.cap_ms = APPEAR_RETRY_CAP_MS,
		.deadline = deadline_sooner(deadline_in(APPEAR_WITHIN_MS), deadline),
		.listener = credentials->imds->listener,
		.userdata = credentials,
		.again = ask_again,
	};
	int result;

	if (credentials->source == CREDENTIALS_ENVIRONMENT)
		return error_set(err, EINVAL,
				 "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong "
				 "together: set both or neither");
	if (credentials->is_fetching)
		return error_set(err, EBUSY, "credentials are being fetched already");
	credentials->deadline = deadline;
	credentials->on_done = on_done;
	credentials->userdata = userdata;
	retry_init(&credentials->retry, &plan);
	result = ask_source(credentials, err);
	credentials->is_fetching = result == 0;
	return result;
}
