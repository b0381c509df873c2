/* SPDX-License-Identifier: MIT */
#include "aws/credentials.h"

#include "base/json.h"
#include "heap.h"
#include "invariants.h"

/*
 * Replies of the role's and the container's endpoint. Keys that are taken fit a header;
 * those that are not leave the old ones in hand. No complaint holds a key, and what is
 * given back to the heap at the end holds none either.
 */

static void hold_old_keys(struct credentials *credentials)
{
	credentials->access_key = text_copy("AKIAIOSFODNN7EXAMPLE");
	credentials->secret_key = text_copy("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
	credentials->expires_at_ms = 1;
}

/* One of the reply's keys; NULL: it has none to be guarded. The caller frees it. */
static char *secret_of(const char *text)
{
	static const char *const keys[] = { "SecretAccessKey", "Token", "AccessKeyId" };
	autojson struct json_object *document = NULL;
	char *secret = NULL;
	struct error ignored;

	if (json_parse(text, strlen(text), "it", &document, &ignored) < 0)
		return NULL;
	for (size_t i = 0; !secret && i < ARRAY_COUNT(keys); i++)
		secret = heap_secret(text, json_string(document, keys[i]));
	return secret;
}

static void check_twin(const char *text, int result, const struct error *err)
{
	struct credentials twin = { .source = CREDENTIALS_ROLE };
	struct error twin_err = { 0 };

	check_same(result, err, credentials_read(&twin, text, &twin_err), &twin_err);
	assert((result == 0) == (twin.secret_key != NULL));
	credentials_done(&twin);
}

static void check_keys(const char *text)
{
	struct credentials credentials = { .source = CREDENTIALS_ROLE };
	autofree char *secret = secret_of(text);
	struct error err = { 0 };
	int result;

	hold_old_keys(&credentials);
	heap_guard(secret);
	result = credentials_read(&credentials, text, &err);
	assert(text_is_printable(credentials.access_key));
	assert(text_is_printable(credentials.secret_key));
	if (result == 0) {
		assert(text_is_printable(credentials.session_token));
		assert(credentials.expires_at_ms != 0);
	} else {
		check_error(result, &err);
		assert(!secret || !strstr(err.text, secret));
		assert(credentials.expires_at_ms == 1 && !credentials.session_token);
	}
	credentials_done(&credentials);
	heap_guard(NULL);
	assert(!credentials.access_key && !credentials.secret_key &&
	       !credentials.session_token && credentials.expires_at_ms == 0);
	check_twin(text, result, &err);
}

static void check_role(const char *text)
{
	autofree char *path = NULL;
	const char *name;
	struct error err = { 0 };
	int result = credentials_role_path(text, &path, &err);

	if (result < 0) {
		check_error(result, &err);
		return;
	}
	name = strrchr(path, '/') + 1;
	assert(text_is_printable(path) && !strpbrk(path, "?#%\\"));
	assert(*name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	autofree char *text = input_copy(data, size_bytes);

	check_keys(text);
	check_role(text);
	return 0;
}
