/* SPDX-License-Identifier: MIT */
#include "tree/current.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "tree/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The link `current`: its text names a release, which is then opened below releases/ like
 * any other. We write it relative; Capistrano writes it with deploy_to in front, as its
 * own configuration has it, which may lead there through a link (/var/www that is
 * /data/www). So if the text alone does not tell, the last name in it is taken for the
 * release when the link leads to the very directory of that name. A link to anywhere else
 * is not ours to judge: it is shown, and the next activation replaces it.
 */

#define DIRECTORY_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static const char *skip_prefix(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

const char *current_release_name(const char *deploy_to, const char *target)
{
	const char *rest = target;

	if (target[0] == '/') {
		rest = skip_prefix(target, deploy_to);
		if (!rest || *rest != '/')
			return NULL;
		rest++;
	}
	rest = skip_prefix(rest, "releases/");
	return rest && text_is_name(rest) ? rest : NULL;
}

/* Behind the last slash, those at the end left out; the caller frees it. */
static char *last_name(const char *target)
{
	size_t end = strlen(target), start;

	while (end > 0 && target[end - 1] == '/')
		end--;
	for (start = end; start > 0 && target[start - 1] != '/'; start--)
		;
	return text_format("%.*s", (int)(end - start), target + start);
}

static char *find_by_place(const struct layout *layout, const char *target)
{
	autofree char *name = last_name(target);
	autoclose int releases_fd = openat(layout->fd, "releases", DIRECTORY_FLAGS);
	struct stat serving, named;

	if (!text_is_name(name) || fstatat(layout->fd, "current", &serving, 0) < 0 ||
	    fstatat(releases_fd, name, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
	    serving.st_dev != named.st_dev || serving.st_ino != named.st_ino)
		return NULL;
	return TAKE(name);
}

static char *find_release(const struct layout *layout, const char *target)
{
	const char *name = current_release_name(layout->path, target);

	return name ? text_copy(name) : find_by_place(layout, target);
}

static int say_no_link(const struct layout *layout, struct error *err)
{
	struct stat status;

	if (fstatat(layout->fd, "current", &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(status.st_mode))
		return error_set(
			err, EISDIR,
			"'current' in '%s' is a directory where a link belongs: move it "
			"away and run again",
			layout->path);
	return error_set(err, EINVAL,
			 "'current' in '%s' is not a link: move it away and run again",
			 layout->path);
}

int current_read(const struct layout *layout, struct current *ret_current,
		 struct error *err)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(layout->fd, "current", target, sizeof(target) - 1);

	if (length < 0 && errno == ENOENT) {
		*ret_current = (struct current){ 0 };
		return 0;
	}
	if (length < 0 && errno == EINVAL)
		return say_no_link(layout, err);
	if (length < 0)
		return error_set(err, errno, "read the link 'current' in '%s': %s",
				 layout->path, strerror(errno));
	target[length] = '\0';
	ret_current->target = text_copy(target);
	ret_current->release = find_release(layout, target);
	return 0;
}

void current_done(struct current *current)
{
	free(current->target);
	free(current->release);
	*current = (struct current){ 0 };
}

int current_open_release(const struct layout *layout, const struct current *current,
			 int *ret_fd, struct error *err)
{
	int fd = -1;
	int result = 0;

	if (current->release)
		result = layout_open_release(layout, current->release, &fd, err);
	if (result < 0 && !layout_is_absent(result))
		return result;
	*ret_fd = fd;
	return 0;
}
