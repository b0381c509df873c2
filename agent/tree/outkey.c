/* SPDX-License-Identifier: MIT */
#include "tree/outkey.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "tree/inputs.h"
#include "tree/wanted.h"

#include <fcntl.h>
#include <gnu/libc-version.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

/*
 * The name of what a step makes: all that decides about it, hashed. The environment as
 * configured is part of it (RAILS_ENV changes what bundler installs); what differs from
 * run to run, and secrets, are not. A volume may outlive the image it was made with, and
 * what was compiled on one distribution need not run on the next: so its id and version
 * are part of it, too.
 */

#define OS_RELEASE_MAX_BYTES 16384

static char *read_os_release(void)
{
	struct error ignored;
	char *text = NULL;
	int fd = open("/etc/os-release", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0 &&
	    file_read_open(fd, "os-release", OS_RELEASE_MAX_BYTES, &text, NULL,
			   &ignored) < 0)
		text = NULL;
	memory_close_fd(&fd);
	return text ? text : text_copy("");
}

/* The line that begins with it, as it stands; "" if there is none. */
static char *line_of(const char *text, const char *beginning)
{
	size_t length = strlen(beginning);

	while (*text) {
		size_t line_length = strcspn(text, "\n");

		if (strncmp(text, beginning, length) == 0)
			return text_format("%.*s", (int)line_length, text);
		text += line_length;
		text += *text == '\n';
	}
	return text_copy("");
}

char *outkey_platform(void)
{
	autofree char *release = read_os_release();
	autofree char *id = line_of(release, "ID=");
	autofree char *version = line_of(release, "VERSION_ID=");
	struct utsname machine;

	if (uname(&machine) < 0)
		abort();
	return text_format("%s\n%s\n%s\n%s", machine.machine, gnu_get_libc_version(), id,
			   version);
}

static int compare(const void *a, const void *b)
{
	return strcmp(json_text(*(struct json_object *const *)a),
		      json_text(*(struct json_object *const *)b));
}

/* In whatever order they are configured. */
static void add_environment(struct digest *digest, struct json_object *environment)
{
	size_t count = environment ? json_object_array_length(environment) : 0;
	autofree struct json_object **sorted =
		memory_new(count + 1, sizeof(struct json_object *));

	for (size_t i = 0; i < count; i++)
		sorted[i] = json_object_array_get_idx(environment, i);
	qsort(sorted, count, sizeof(*sorted), compare);
	digest_number(digest, (int64_t)count);
	for (size_t i = 0; i < count; i++)
		digest_text(digest, json_text(sorted[i]));
}

void outkey_add_step(struct digest *digest, const struct wanted *wanted,
		     const char *platform)
{
	digest_text(digest, OUTKEY_VERSION);
	digest_texts(digest, wanted->command);
	digest_texts(digest, wanted->outputs);
	add_environment(digest, wanted->environment);
	digest_texts(digest, wanted->key_command);
	digest_text(digest, wanted->answer);
	digest_text(digest, platform);
}

int outkey_make(const struct layout *layout, const struct wanted *wanted,
		const char *platform, char ret_key[static DIGEST_HEX_BYTES],
		struct error *err)
{
	struct digest digest;
	int result;

	digest_begin(&digest);
	outkey_add_step(&digest, wanted, platform);
	result = inputs_digest(layout, wanted->release, wanted->inputs, &digest, err);
	if (result == 0)
		digest_end_hex(&digest, ret_key);
	return result;
}
