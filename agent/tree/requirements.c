/* SPDX-License-Identifier: MIT */
#include "tree/tree.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "tree/gemfile.h"
#include "tree/layout.h"
#include "tree/request.h"
#include "tree/requirement.h"
#include "tree/ruby.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/*
 * Which Ruby a release wants, told before bundler is started. Read here, where a commit's
 * files can do no harm; what cannot be read or understood is no demand. bundler looks for
 * gems.rb before Gemfile, and a version file binds it only where the Gemfile names it;
 * else it is a version manager's business, and a hint for people.
 */

#define GEMFILE_MAX_BYTES (256 * 1024)
#define VERSION_FILE_MAX_BYTES 4096
#define WANTED_MAX_BYTES 100

/* A regular file inside the release, whatever links lead to it; NULL: there is none. */
static char *read_inside(int release_fd, const char *name, size_t max_bytes)
{
	autoclose int fd = file_open_inside(release_fd, name,
					    O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	autofree char *text = NULL;
	size_t length_bytes = 0;
	struct error ignored;

	if (fd < 0 ||
	    file_read_open(fd, name, max_bytes, &text, &length_bytes, &ignored) < 0)
		return NULL;
	return strlen(text) == length_bytes ? TAKE(text) : NULL;
}

/* Another Gemfile may be set in bundler's own configuration. */
static bool has_other_gemfile(int release_fd)
{
	autofree char *text =
		read_inside(release_fd, ".bundle/config", GEMFILE_MAX_BYTES);

	return text && strstr(text, "BUNDLE_GEMFILE");
}

static char *version_in_file(int release_fd, const char *name)
{
	autofree char *text = read_inside(release_fd, name, VERSION_FILE_MAX_BYTES);
	autofree char *version = text ? gemfile_version_in(text) : NULL;

	/* "system", "jruby-9.4": not a version of Ruby itself. */
	return version && requirement_is_met(version, version) == 1 ? TAKE(version)
								    : NULL;
}

/* The demand in the words of the Gemfile; NULL: there is none. The caller frees it. */
static char *join(const struct gemfile *gemfile)
{
	autofree char *text = text_copy("");

	for (size_t i = 0; i < gemfile->count; i++) {
		char *longer = text_format("%s%s%s", text, i ? ", " : "",
					   gemfile->requirements[i]);

		/* bundler says what is wrong with one that is none. */
		if (requirement_is_met(gemfile->requirements[i], "0") < 0) {
			free(longer);
			return NULL;
		}
		free(text);
		text = longer;
	}
	return *text && strlen(text) <= WANTED_MAX_BYTES ? TAKE(text) : NULL;
}

static bool are_met(const struct gemfile *gemfile, const char *ruby)
{
	for (size_t i = 0; ruby && i < gemfile->count; i++)
		if (requirement_is_met(gemfile->requirements[i], ruby) == 0)
			return false;
	return ruby != NULL;
}

static void tell_demand(int release_fd, const char *name, const char *ruby,
			struct json_object *result)
{
	autofree char *text = read_inside(release_fd, name, GEMFILE_MAX_BYTES);
	autogemfile struct gemfile gemfile = { .count = 0 };
	autofree char *wanted = NULL;

	if (text)
		gemfile_read(text, &gemfile);
	if (gemfile.file) {
		char *version = version_in_file(release_fd, gemfile.file);

		gemfile.requirements[0] = version;
		gemfile.count = version ? 1 : 0;
	}
	wanted = join(&gemfile);
	if (!wanted)
		return;
	json_set_string(result, "wanted", wanted);
	json_set_string(result, "source", gemfile.file ? gemfile.file : name);
	json_set_boolean(result, "is_met", are_met(&gemfile, ruby));
}

static void tell_hint(int release_fd, struct json_object *result)
{
	static const char *const names[] = { ".ruby-version", ".tool-versions" };

	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		autofree char *version = version_in_file(release_fd, names[i]);

		if (!version)
			continue;
		json_set_string(result, "hint", version);
		json_set_string(result, "hint_source", names[i]);
		return;
	}
}

/* Outside deploy_to: before we are confined to that. */
static void tell_ruby(const struct json_object *request, struct json_object *result)
{
	const char *program = json_string(request, "program");
	const char *path = json_string(request, "path");
	autofree char *ruby = NULL, *missing = NULL;

	if (!program || !*program || !path)
		return;
	ruby_find(program, path, &ruby, &missing);
	if (ruby)
		json_set_string(result, "ruby_path", ruby);
	if (missing)
		json_set_string(result, "missing", missing);
}

int tree_requirements(const struct json_object *request, struct json_object **ret_result,
		      struct error *err)
{
	autolayout struct layout layout = LAYOUT_CLOSED;
	autojson struct json_object *answer = json_new_object();
	autofree char *gems = NULL;
	autoclose int fd = -1;
	const char *name = NULL;
	int result = request_release(request, &name, err);

	if (result == 0) {
		tell_ruby(request, answer);
		result = layout_open(&layout, request, err);
	}
	if (result == 0)
		result = layout_open_release(&layout, name, &fd, err);
	if (result < 0)
		return result;
	gems = read_inside(fd, "gems.rb", GEMFILE_MAX_BYTES);
	if (!has_other_gemfile(fd))
		tell_demand(fd, gems ? "gems.rb" : "Gemfile",
			    json_string(request, "ruby"), answer);
	tell_hint(fd, answer);
	*ret_result = TAKE(answer);
	return 0;
}
