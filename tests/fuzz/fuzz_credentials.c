/* SPDX-License-Identifier: MIT */
#include "aws/credentials.h"

#include "base/json.h"
#include "invariants.h"

#include <sanitizer/allocator_interface.h>

/*
 * Replies of the role's and the container's endpoint. Keys that are taken fit a header;
 * those that are not leave the old ones in hand. No complaint holds a key, and what is
 * given back to the heap at the end holds none either.
 */

#define SECRET_MIN_BYTES 8

/* What must not be in a block that is freed; NULL: anything may. */
static const char *guarded;

static void on_free(const volatile void *block)
{
	const void *bytes = (const void *)block;

	if (guarded && block)
		assert(!memmem(bytes, __sanitizer_get_allocated_size(block), guarded,
			       strlen(guarded)));
}

static void on_malloc(const volatile void *block, size_t size_bytes)
{
	(void)block;
	(void)size_bytes;
}

static void hold_old_keys(struct credentials *credentials)
{
	credentials->access_key = text_copy("AKIAIOSFODNN7EXAMPLE");
	credentials->secret_key = text_copy("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
	credentials->expires_at_ms = 1;
}

/* A member that may be told, and one that may not: a hurried server can mix them up. */
static bool is_told(const struct json_object *document, const char *secret)
{
	const char *code = json_string(document, "Code");

	return code && strstr(code, secret);
}

static void check_silence(const char *text, const struct error *err)
{
	static const char *const keys[] = { "AccessKeyId", "SecretAccessKey", "Token" };
	autojson struct json_object *document = NULL;
	struct error ignored;

	if (json_parse(text, strlen(text), "it", &document, &ignored) < 0)
		return;
	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		const char *secret = json_string(document, keys[i]);

		if (secret && strlen(secret) >= SECRET_MIN_BYTES &&
		    !is_told(document, secret))
			assert(!strstr(err->text, secret));
	}
}

static void check_end(struct credentials *credentials)
{
	autofree char *secret = text_copy(credentials->secret_key);

	if (strlen(secret) >= SECRET_MIN_BYTES)
		guarded = secret;
	credentials_done(credentials);
	guarded = NULL;
	assert(!credentials->access_key && !credentials->secret_key &&
	       !credentials->session_token && credentials->expires_at_ms == 0);
}

static void check_keys(const char *text)
{
	struct credentials credentials = { .source = CREDENTIALS_ROLE };
	struct credentials twin = { .source = CREDENTIALS_ROLE };
	struct error err = { 0 }, twin_err = { 0 };
	int result;

	hold_old_keys(&credentials);
	result = credentials_read(&credentials, text, &err);
	check_same(result, &err, credentials_read(&twin, text, &twin_err), &twin_err);
	assert(text_is_printable(credentials.access_key));
	assert(text_is_printable(credentials.secret_key));
	if (result == 0) {
		assert(text_is_printable(credentials.session_token));
		assert(credentials.expires_at_ms != 0);
		assert(text_is_equal(credentials.secret_key, twin.secret_key));
	} else {
		check_error(result, &err);
		check_silence(text, &err);
		assert(credentials.expires_at_ms == 1 && !twin.access_key);
	}
	check_end(&credentials);
	credentials_done(&twin);
}

static void check_role(const char *text)
{
	autofree char *path = NULL;
	struct error err = { 0 };
	int result = credentials_role_path(text, &path, &err);

	if (result < 0)
		check_error(result, &err);
	else
		assert(text_is_printable(path) && !strpbrk(path, "?#%\\") &&
		       !strstr(path, "/../") && strchr(path, '\0')[-1] != '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	static bool is_watching;
	autofree char *text = input_copy(data, size_bytes);

	if (!is_watching)
		is_watching =
			__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
	assert(is_watching);
	check_keys(text);
	check_role(text);
	return 0;
}
