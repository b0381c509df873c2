/* SPDX-License-Identifier: MIT */
#include "steps/ruby.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A machine may have several Rubies, and `ruby` need not be the one that `bundle` begins
 * with: its first line says which. A version manager puts a shell script there (a shim);
 * beside that lies one for ruby, which answers for the directory that it is started in.
 */

#define LINE_MAX_BYTES 256

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* "bundle", and Debian's "bundle3.1". */
static bool is_called(const char *path, const char *name)
{
	const char *base = base_of(path);
	size_t length = strlen(name);

	return strncmp(base, name, length) == 0 &&
		base[length + strspn(base + length, "0123456789.")] == '\0';
}

static bool is_bundle(const char *path)
{
	return is_called(path, "bundle") || is_called(path, "bundler");
}

/* Behind `env` and the variables it sets; NULL: it does more, or sets what matters. */
static const char *const *skip_env(const char *const *arguments)
{
	if (!is_called(*arguments, "env"))
		return arguments;
	for (arguments++; *arguments && strchr(*arguments, '='); arguments++)
		if (strncmp(*arguments, "PATH=", 5) == 0 ||
		    strncmp(*arguments, "BUNDLE_GEMFILE=", 15) == 0)
			return NULL;
	return *arguments && **arguments != '-' ? arguments : NULL;
}

/* The word that is bundler, or the `ruby` before "-S bundle"; NULL: neither. */
static const char *find_program(const struct config_texts *command)
{
	const char *const *at = skip_env((const char *const *)command->items);

	if (!at)
		return NULL;
	if (is_called(*at, "ruby"))
		return at[1] && strcmp(at[1], "-S") == 0 && at[2] && is_bundle(at[2])
			? *at
			: NULL;
	return is_bundle(*at) ? *at : NULL;
}

bool ruby_is_bundler(const struct config_texts *command)
{
	if (!find_program(command))
		return false;
	for (size_t i = 0; i < command->count; i++)
		if (strncmp(command->items[i], "--gemfile", 9) == 0)
			return false;
	return true;
}

static bool is_program(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
		(status.st_mode & 0111);
}

/* From the directory that the step runs in: for its user to look at, not for us. */
static bool is_relative(const char *program)
{
	return strchr(program, '/') && *program != '/';
}

/* Where a program is; NULL: nowhere. The caller frees it. */
static char *find_in(const char *path, const char *name)
{
	autofree char *copy = text_copy(path);
	char *rest = copy, *directory;

	if (strchr(name, '/'))
		return is_program(name) ? text_copy(name) : NULL;
	while ((directory = strsep(&rest, ":"))) {
		autofree char *found = text_format("%s/%s", directory, name);

		if (*directory == '/' && is_program(found))
			return TAKE(found);
	}
	return NULL;
}

/*
 * The directories of PATH may be the application's user's: a file is opened only once it
 * is known for one, whatever stands at its name by then. Some devices act when opened.
 */
static ssize_t read_beginning(const char *path, char *text, size_t size_bytes)
{
	autoclose int place_fd = open(path, O_PATH | O_CLOEXEC);
	autofree char *same = text_format("/proc/self/fd/%d", place_fd);
	autoclose int fd = -1;
	struct stat status;

	if (place_fd < 0 || fstat(place_fd, &status) < 0 || !S_ISREG(status.st_mode))
		return -1;
	fd = open(same, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? -1 : read(fd, text, size_bytes);
}

/* The first line without "#!"; NULL: it is no script. The caller frees it. */
static char *read_interpreter(const char *path)
{
	char text[LINE_MAX_BYTES];
	ssize_t length = read_beginning(path, text, sizeof(text) - 1);

	if (length < 3 || text[0] != '#' || text[1] != '!')
		return NULL;
	text[length] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return text_copy(text + 2 + strspn(text + 2, " \t"));
}

/* The script's own Ruby, as its first line names it; NULL: it names none. */
static char *named_in(char *line)
{
	const char *program = strsep(&line, " \t");

	if (line)
		line += strspn(line, " \t");
	if (line && is_called(program, "env"))
		program = strsep(&line, " \t");
	return strstr(base_of(program), "ruby") ? text_copy(program) : NULL;
}

static int say_none(const char *name, const char *path, struct error *err)
{
	return error_set(err, ENOENT, "there is no '%s' in %s", name, path);
}

int ruby_find(const struct config_texts *command, const char *path, char **ret_ruby,
	      struct error *err)
{
	const char *program = find_program(command);
	autofree char *found = NULL, *line = NULL, *ruby = NULL;

	*ret_ruby = NULL;
	if (!program || is_relative(program))
		return 0;
	found = find_in(path, program);
	if (!found)
		return say_none(program, path, err);
	if (is_called(program, "ruby")) {
		*ret_ruby = TAKE(found);
		return 0;
	}
	line = read_interpreter(found);
	ruby = line ? named_in(line) : NULL;
	if (ruby && is_relative(ruby))
		return 0;
	if (ruby) {
		*ret_ruby = find_in(path, ruby);
		return *ret_ruby ? 0 : say_none(ruby, path, err);
	}
	if (line) {
		autofree char *beside =
			text_format("%.*s/ruby", (int)(base_of(found) - found - 1),
				    found);

		if (is_program(beside))
			*ret_ruby = TAKE(beside);
	}
	return 0;
}
