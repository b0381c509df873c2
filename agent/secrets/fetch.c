/* SPDX-License-Identifier: MIT */
#include "secrets/fetch.h"

#include "aws/aws.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "secrets/replies.h"
#include "secrets/secrets.h"
#include "secrets/secrets_types.h"

#include <errno.h>
#include <string.h>

/*
 * Which request is due follows from what is still missing, so that a retry, or a second
 * round for what has become wanted meanwhile, is the same question again.
 */

#define NAMES_MAX 10 /* GetParameters, and a page of GetParametersByPath */
#define PAGES_MAX 100
#define FIRST_RETRY_MS 500

static const struct aws_service ssm_service = {
	.signing_name = "ssm",
	.variable = "AWS_ENDPOINT_URL_SSM",
	.target_prefix = "AmazonSSM",
};

static const struct aws_service secretsmanager_service = {
	.signing_name = "secretsmanager",
	.variable = "AWS_ENDPOINT_URL_SECRETS_MANAGER",
	.target_prefix = "secretsmanager",
};

/*
 * A launch would be given up for it: an answer that is not AWS's (a proxy's page, an
 * empty one), or keys that are not known yet, are not the last word.
 */
static const struct retry_rule rules[] = {
	{ -EBUSY, RETRY_THROTTLED },     { -EACCES, RETRY_PERMANENT },
	{ -EINVAL, RETRY_PERMANENT },    { -ENOENT, RETRY_PERMANENT },
	{ -ENOKEY, RETRY_PERMANENT },    { -ESTALE, RETRY_PERMANENT },
	{ -EOVERFLOW, RETRY_PERMANENT }, { -ECANCELED, RETRY_PERMANENT },
	{ 0, RETRY_TRANSIENT },
};

static void on_done(void *userdata);

static bool is_missing(const struct secret *secret, enum secret_store store)
{
	return secret->is_wanted && !secret->value && secret->name.store == store;
}

static struct secret *find_missing(const struct secrets *secrets, enum secret_store store)
{
	for (size_t i = 0; i < secrets->count; i++)
		if (is_missing(&secrets->items[i], store))
			return &secrets->items[i];
	return NULL;
}

static int start(struct secrets *secrets, const struct aws_service *service,
		 const char *action, struct json_object *body)
{
	autojson struct json_object *owned = body;
	const struct aws_request request = {
		.service = service,
		.action = action,
		.body = owned,
		.on_done = on_done,
		.userdata = secrets,
	};

	/* The one before it may be the one in whose callback we are. */
	aws_call_free(secrets->spent);
	secrets->spent = TAKE(secrets->call);
	return aws_start(secrets->aws, &request, secrets->deadline, &secrets->call,
			 &secrets->error);
}

/* A name that two keys share is asked for once. */
static bool is_listed(struct json_object *names, const char *id)
{
	for (size_t i = 0; i < json_object_array_length(names); i++)
		if (text_is_equal(json_text(json_object_array_get_idx(names, i)), id))
			return true;
	return false;
}

static int ask_parameters(struct secrets *secrets)
{
	struct json_object *body = json_new_object(), *names = json_new_array();

	for (size_t i = 0; i < secrets->count; i++) {
		const struct secret *secret = &secrets->items[i];

		if (json_object_array_length(names) == NAMES_MAX)
			break;
		if (is_missing(secret, SECRET_PARAMETER) &&
		    !is_listed(names, secret->name.id))
			json_add_string(names, secret->name.id);
	}
	json_set(body, "Names", names);
	json_set_boolean(body, "WithDecryption", true);
	return start(secrets, &ssm_service, "GetParameters", body);
}

static int ask_page(struct secrets *secrets)
{
	struct json_object *body;

	if (secrets->page_count == PAGES_MAX)
		return error_set(&secrets->error, EOVERFLOW,
				 "the Parameter Store has no end of pages for '%s'",
				 secrets->group);
	body = json_new_object();
	json_set_string(body, "Path", secrets->group_name.id);
	json_set_boolean(body, "WithDecryption", true);
	json_set_integer(body, "MaxResults", NAMES_MAX);
	if (secrets->next_page)
		json_set_string(body, "NextToken", secrets->next_page);
	return start(secrets, &ssm_service, "GetParametersByPath", body);
}

static int ask_secret(struct secrets *secrets, const char *id)
{
	struct json_object *body = json_new_object();

	json_set_string(body, "SecretId", id);
	return start(secrets, &secretsmanager_service, "GetSecretValue", body);
}

/* One question of those that are open; nothing when there is none. */
static int ask(struct secrets *secrets)
{
	bool is_group_due = secrets->is_group_wanted && !secrets->is_group_known;

	secrets->is_asking = true;
	secrets->asked = find_missing(secrets, SECRET_SECRET);
	if (find_missing(secrets, SECRET_PARAMETER)) {
		secrets->question = SECRETS_PARAMETERS;
		return ask_parameters(secrets);
	}
	if (secrets->asked) {
		secrets->question = SECRETS_SECRET;
		return ask_secret(secrets, secrets->asked->name.id);
	}
	if (is_group_due && secrets->group_name.store == SECRET_SECRET) {
		secrets->question = SECRETS_GROUP;
		return ask_secret(secrets, secrets->group_name.id);
	}
	if (is_group_due) {
		secrets->question = SECRETS_PAGE;
		return ask_page(secrets);
	}
	secrets->is_asking = false;
	return 0;
}

static int keep_reply(struct secrets *secrets, const struct json_object *reply)
{
	struct error *err = &secrets->error;

	switch (secrets->question) {
	case SECRETS_PARAMETERS:
		return replies_take_parameters(secrets, reply, err);
	case SECRETS_SECRET:
		return replies_take_secret(secrets->asked, reply, err);
	case SECRETS_PAGE:
		secrets->page_count++;
		return replies_take_page(secrets, reply, err);
	case SECRETS_GROUP:
		return replies_take_group(secrets, reply, err);
	}
	return -EINVAL;
}

/* What the question was for, and which key wants it. */
static char *describe_question(const struct secrets *secrets)
{
	const char *region = secrets->aws->region;
	const struct secret *first = find_missing(secrets, SECRET_PARAMETER);
	size_t others = 0;

	switch (secrets->question) {
	case SECRETS_PARAMETERS:
		for (size_t i = 0; i < secrets->count; i++)
			others += is_missing(&secrets->items[i], SECRET_PARAMETER);
		return others > 1
			? text_format("'%s' (%s) and %zu more of the Parameter Store of "
				      "%s",
				      first->text, first->key, others - 1, region)
			: text_format("'%s' (%s) of the Parameter Store of %s",
				      first->text, first->key, region);
	case SECRETS_SECRET:
		return text_format("'%s' (%s) of Secrets Manager of %s",
				   secrets->asked->text, secrets->asked->key, region);
	case SECRETS_PAGE:
	case SECRETS_GROUP:
		break;
	}
	return text_format("'%s' (application.environment_parameters) of %s",
			   secrets->group, region);
}

static const char *advice_for(int code, const char *reason)
{
	if (code == -ENOENT)
		return ": create it, or correct the name";
	/* A signature or an expired key is no matter of policies. */
	if (code == -EACCES && strstr(reason, "AccessDenied"))
		return ": allow it in the policy of the instance's role";
	return "";
}

static int take_reply(struct secrets *secrets)
{
	autofree char *what = describe_question(secrets);
	struct json_object *reply = NULL;
	struct error reason = { 0 };
	int result = aws_call_json(secrets->call, &reply, &reason);

	if (result == 0)
		return keep_reply(secrets, reply);
	/* Of a list that moved on meanwhile there is no next page. */
	if (secrets->question == SECRETS_PAGE)
		secrets_begin_group(secrets);
	return error_set(&secrets->error, result, "read %s: %.300s%s", what, reason.text,
			 advice_for(result, reason.text));
}

static void give_up(struct secrets *secrets, int result)
{
	secrets->error.code = result;
	secrets->is_asking = false;
}

static void ask_again(void *userdata)
{
	struct secrets *secrets = userdata;
	int result;

	secrets->error = (struct error){ 0 };
	result = ask(secrets);
	if (result < 0)
		give_up(secrets, result);
}

static void begin_series(struct secrets *secrets)
{
	const struct retry_plan plan = {
		.loop = secrets->aws->loop,
		.what = "secrets",
		.rules = rules,
		.first_ms = FIRST_RETRY_MS,
		.deadline = secrets->deadline,
		.listener = secrets->listener,
		.userdata = secrets,
		.again = ask_again,
	};

	retry_done(&secrets->retry);
	retry_init(&secrets->retry, &plan);
}

/* On the loop: every call ends here. */
static void on_done(void *userdata)
{
	struct secrets *secrets = userdata;
	struct retry_hint hint = { 0 };
	int result = take_reply(secrets);

	if (result < 0) {
		hint.retry_after_ms = aws_call_retry_after_ms(secrets->call);
		result = retry_later(&secrets->retry, &hint, &secrets->error);
	} else {
		retry_succeeded(&secrets->retry);
		begin_series(secrets);
		result = ask(secrets);
	}
	if (result < 0)
		give_up(secrets, result);
}

/* An ARN of another region: AWS here would only say that there is no such thing. */
static int check_regions(struct secrets *secrets)
{
	const char *here = secrets->aws->region;

	for (size_t i = 0; i < secrets->count; i++) {
		const struct secret *secret = &secrets->items[i];
		const char *region = secret_region(secret->text);
		size_t length = region ? strcspn(region, ":") : 0;

		if (!secret->is_wanted || !region ||
		    (strncmp(region, here, length) == 0 && here[length] == '\0'))
			continue;
		return error_set(&secrets->error, EINVAL,
				 "'%s' (%s) is in %.*s, and this instance in %s: name "
				 "one of this region, or replicate it",
				 secret->text, secret->key, (int)length, region, here);
	}
	return 0;
}

void secrets_fetch(struct secrets *secrets)
{
	int result;

	if (secrets->is_asking || secrets->error.code)
		return;
	begin_series(secrets);
	result = check_regions(secrets);
	if (result == 0)
		result = ask(secrets);
	if (result < 0)
		give_up(secrets, result);
}

void secrets_begin_group(struct secrets *secrets)
{
	secrets_free_texts(&secrets->variables);
	free(TAKE(secrets->next_page));
	secrets->page_count = 0;
	secrets->is_group_known = secrets->is_group_kept = false;
}

void secrets_cancel(struct secrets *secrets)
{
	if (secrets->retry.plan.loop)
		retry_done(&secrets->retry);
	aws_call_free(TAKE(secrets->call));
	aws_call_free(TAKE(secrets->spent));
	secrets->is_asking = false;
}
