/* SPDX-License-Identifier: MIT */
#include "config/secret.h"

#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>

/*
 * Names of secrets, as AWS writes them. One that AWS would refuse for its form is refused
 * here, where file and line can be told.
 */

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define PARAMETER_CHARACTERS ALPHANUMERIC "_.-/"
#define SECRET_CHARACTERS ALPHANUMERIC "/_+=.@-"
#define REFERENCE_PREFIX "/aws/reference/secretsmanager/"
#define PARAMETER_MAX_CHARACTERS 1011
#define SECRET_MAX_CHARACTERS 512
#define MEMBER_MAX_CHARACTERS 128

/* The number of characters up to the colon behind `count` others; 0: there are fewer. */
static size_t length_of_fields(const char *text, int count)
{
	const char *at = text;

	for (int i = 0; i < count; i++) {
		at = strchr(at, ':');
		if (!at)
			return 0;
		at++;
	}
	return (size_t)(at - text);
}

/* arn:PARTITION:SERVICE:REGION:ACCOUNT: before what is the service's own. */
static size_t arn_prefix(const char *text, const char *service)
{
	size_t before = length_of_fields(text, 2), length = strlen(service);

	if (strncmp(text, "arn:aws", 7) != 0 || before == 0)
		return 0;
	if (strncmp(text + before, service, length) != 0 || text[before + length] != ':')
		return 0;
	return length_of_fields(text, 5);
}

static bool is_parameter(const char *text)
{
	size_t length = strspn(text, PARAMETER_CHARACTERS);
	const char *selector = text + length;

	if (length == 0 || length > PARAMETER_MAX_CHARACTERS || strstr(text, "//") ||
	    text[length - 1] == '/')
		return false;
	/* A hierarchy begins at its root. */
	if (text[0] != '/' && memchr(text, '/', length))
		return false;
	if (*selector == '\0')
		return true;
	return *selector == ':' && selector[1] &&
		selector[1 + strspn(selector + 1, ALPHANUMERIC "_.-")] == '\0';
}

/* NAME[:MEMBER], the ID reaching from `text` to the NAME's end. */
static int parse_secret(const char *text, const char *name, struct secret_name *ret_name)
{
	size_t length = strspn(name, SECRET_CHARACTERS);
	const char *member = name + length;

	if (length == 0 || length > SECRET_MAX_CHARACTERS)
		return -EINVAL;
	if (*member &&
	    (*member != ':' || !text_is_printable(member) || !member[1] ||
	     strchr(member + 1, ':') || strlen(member + 1) > MEMBER_MAX_CHARACTERS))
		return -EINVAL;
	*ret_name = (struct secret_name){
		.store = SECRET_SECRET,
		.id = text_format("%.*s", (int)(member - text), text),
		.member = *member ? text_copy(member + 1) : NULL,
	};
	return 0;
}

static int parse_parameter(const char *text, const char *name,
			   struct secret_name *ret_name)
{
	if (!is_parameter(name))
		return -EINVAL;
	*ret_name =
		(struct secret_name){ .store = SECRET_PARAMETER, .id = text_copy(text) };
	return 0;
}

int secret_name_parse(const char *text, struct secret_name *ret_name)
{
	const size_t reference = strlen(REFERENCE_PREFIX);
	size_t arn;

	if (strncmp(text, REFERENCE_PREFIX, reference) == 0)
		return parse_secret(text + reference, text + reference, ret_name);
	arn = arn_prefix(text, "secretsmanager");
	if (arn && strncmp(text + arn, "secret:", 7) == 0)
		return parse_secret(text, text + arn + 7, ret_name);
	arn = arn_prefix(text, "ssm");
	if (arn && strncmp(text + arn, "parameter", 9) == 0)
		return parse_parameter(text, text + arn + 9, ret_name);
	return parse_parameter(text, text, ret_name);
}

void secret_name_done(struct secret_name *name)
{
	free(name->id);
	free(name->member);
	*name = (struct secret_name){ 0 };
}

bool secret_is_name(const char *text)
{
	struct secret_name name = { 0 };
	int result = secret_name_parse(text, &name);

	secret_name_done(&name);
	return result == 0;
}

bool secret_is_group(const char *text)
{
	struct secret_name name = { 0 };
	size_t length = strlen(text);
	autofree char *bare = NULL;
	bool is_group;

	if (secret_name_parse(text, &name) == 0 && name.store == SECRET_SECRET) {
		is_group = !name.member;
		secret_name_done(&name);
		return is_group;
	}
	secret_name_done(&name);
	/* A path, with or without a slash at its end, and no version. */
	if (length < 2 || text[0] != '/')
		return false;
	bare = text_format("%.*s", (int)(length - (text[length - 1] == '/')), text);
	return is_parameter(bare) && !strchr(bare, ':');
}

const char *secret_region(const char *text)
{
	size_t before = length_of_fields(text, 3);

	return strncmp(text, "arn:", 4) == 0 && before > 0 && text[before] != ':'
		? text + before
		: NULL;
}
