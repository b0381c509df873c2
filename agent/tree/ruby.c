/* SPDX-License-Identifier: MIT */
#include "tree/ruby.h"

#include "base/memory.h"
#include "base/text.h"
#include "tree/search.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/*
 * A machine may have several Rubies, and `ruby` need not be the one that `bundle` begins
 * with: its first line says which. A version manager puts a shell script there (a shim);
 * beside that lies one for ruby, which answers for the directory that it is started in.
 */

#define LINE_MAX_BYTES 256

static bool is_ruby(const char *path)
{
	return strstr(basename(path), "ruby") != NULL;
}

/* The first line without "#!"; NULL: it is no script. The caller frees it. */
static char *read_interpreter(const char *path)
{
	autoclose int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char text[LINE_MAX_BYTES];
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

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
	if (line && strcmp(basename(program), "env") == 0)
		program = strsep(&line, " \t");
	return is_ruby(program) ? text_copy(program) : NULL;
}

static char *search(const char *name, const char *path, char **ret_missing)
{
	char *found = NULL;

	if (search_program(name, path, &found) == SEARCH_NOWHERE)
		*ret_missing = text_copy(name);
	return found;
}

static char *find_beside(const char *program)
{
	autofree char *path =
		text_format("%.*s/ruby", (int)(basename(program) - program - 1), program);
	char *found = NULL;

	(void)search_program(path, "", &found);
	return found;
}

void ruby_find(const char *program, const char *path, char **ret_ruby, char **ret_missing)
{
	autofree char *found = NULL, *line = NULL, *named = NULL;

	*ret_ruby = *ret_missing = NULL;
	found = search(program, path, ret_missing);
	if (!found)
		return;
	if (is_ruby(program)) {
		*ret_ruby = TAKE(found);
		return;
	}
	line = read_interpreter(found);
	named = line ? named_in(line) : NULL;
	if (named)
		*ret_ruby = search(named, path, ret_missing);
	else if (line)
		*ret_ruby = find_beside(found);
}
