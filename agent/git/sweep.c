/* SPDX-License-Identifier: MIT */
#include "git/sweep.h"

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A fetch may be killed at any point. libgit2 then leaves temporary packs, which nothing
 * ever removes, and lock files, which make the next fetch fail with a sentence nobody can
 * act on. The run's lock is held, so there is no other fetch they could belong to.
 * The same walk takes away what steers libgit2 or git from inside a repository, what it
 * would wait for (it opens a FIFO like any file) and links that lead out of it: the
 * mirror's owner is an unprivileged user, and may have been talked into anything.
 */

#define REFS_DEPTH_MAX 64

struct rule {
	const char *directory;
	bool (*is_leftover)(int dir_fd, const char *name);
	unsigned int depth; /* of directories below it that are swept as well */
};

static const char *const steering_files[] = {
	"commondir",
	"config.worktree",
	"gitdir",
	"info/attributes",
	"info/grafts",
	"objects/info/alternates",
	"objects/info/http-alternates",
};

static bool ends_with(const char *name, const char *ending)
{
	size_t length = strlen(name), ending_length = strlen(ending);

	return length > ending_length &&
		strcmp(name + length - ending_length, ending) == 0;
}

static bool is_lock(int dir_fd, const char *name)
{
	(void)dir_fd;
	return ends_with(name, ".lock");
}

/*
 * libgit2 moves the index into its place first, then the pack: one alone is a leftover.
 */
static bool is_index_alone(int dir_fd, const char *name)
{
	char pack[NAME_MAX + sizeof(".pack")];
	size_t stem = strlen(name) - strlen(".idx");

	memcpy(pack, name, stem);
	memcpy(pack + stem, ".pack", sizeof(".pack"));
	return faccessat(dir_fd, pack, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static bool is_pack_leftover(int dir_fd, const char *name)
{
	if (ends_with(name, ".idx") && is_index_alone(dir_fd, name))
		return true;
	return is_lock(dir_fd, name) ||
		strncmp(name, "pack_git2_", strlen("pack_git2_")) == 0;
}

static bool is_nothing(int dir_fd, const char *name)
{
	(void)dir_fd;
	(void)name;
	return false;
}

static bool is_anything(int dir_fd, const char *name)
{
	(void)dir_fd;
	(void)name;
	return true;
}

static const struct rule rules[] = {
	{ ".", is_lock, 0 }, /* FETCH_HEAD.lock, config.lock, packed-refs.lock */
	{ "objects", is_nothing, 1 },
	{ "objects/pack", is_pack_leftover, 0 },
	{ "refs", is_lock, REFS_DEPTH_MAX },
	{ "hooks", is_anything, 0 },
};

static void close_directory(DIR **directory)
{
	if (*directory)
		(void)closedir(*directory);
}

/* Its type as in st_mode; 0: it is gone. */
static mode_t type_of(int dir_fd, const struct dirent *entry)
{
	struct stat status;

	if (entry->d_type != DT_UNKNOWN)
		return DTTOIF(entry->d_type);
	if (fstatat(dir_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return status.st_mode & S_IFMT;
}

static int sweep_directory(int parent_fd, const struct rule *rule, struct error *err);

static int sweep_entry(int dir_fd, const struct dirent *entry, const struct rule *rule,
		       struct error *err)
{
	const char *name = entry->d_name;
	struct rule below = { name, rule->is_leftover, rule->depth - 1 };
	mode_t type = type_of(dir_fd, entry);

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	if (S_ISDIR(type))
		return rule->depth > 0 ? sweep_directory(dir_fd, &below, err) : 0;
	if (S_ISREG(type) && !rule->is_leftover(dir_fd, name))
		return 0;
	if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
		return error_set(err, errno, "remove the leftover '%s': %s", name,
				 strerror(errno));
	return 0;
}

static int sweep_directory(int parent_fd, const struct rule *rule, struct error *err)
{
	autoclose int fd = file_open_without_links(parent_fd, rule->directory,
						   O_RDONLY | O_DIRECTORY);
	__attribute__((cleanup(close_directory))) DIR *directory =
		fd < 0 ? NULL : fdopendir(fd);
	int dir_fd = directory ? TAKE_FD(fd) : -1;
	const struct dirent *entry;
	int result = 0;

	if (fd == -ENOENT)
		return 0;
	if (!directory)
		return error_set(err, fd < 0 ? fd : errno, "open '%s': %s",
				 rule->directory, strerror(fd < 0 ? -fd : errno));
	errno = 0;
	while (result == 0 && (entry = readdir(directory))) {
		result = sweep_entry(dir_fd, entry, rule, err);
		errno = 0;
	}
	if (result == 0 && errno != 0)
		return error_set(err, errno, "read '%s': %s", rule->directory,
				 strerror(errno));
	return result;
}

static int remove_steering(int mirror_fd, const char *path, struct error *err)
{
	autofree char *copy = text_copy(path);
	autoclose int fd =
		file_open_without_links(mirror_fd, dirname(copy), O_RDONLY | O_DIRECTORY);
	const char *slash = strrchr(path, '/');
	int code = 0;

	if (fd < 0)
		code = -fd;
	else if (unlinkat(fd, slash ? slash + 1 : path, 0) < 0)
		code = errno;
	/* A directory of that name steers nothing. */
	if (code == 0 || code == ENOENT || code == ENOTDIR || code == EISDIR)
		return 0;
	return error_set(err, code, "remove '%s': %s%s", path, strerror(code),
			 code == ELOOP ? ": put directories in the links' places" : "");
}

int sweep_mirror(int mirror_fd, struct error *err)
{
	int result = 0;

	file_sweep(mirror_fd);
	for (size_t i = 0; result == 0 && i < ARRAY_COUNT(rules); i++)
		result = sweep_directory(mirror_fd, &rules[i], err);
	for (size_t i = 0; result == 0 && i < ARRAY_COUNT(steering_files); i++)
		result = remove_steering(mirror_fd, steering_files[i], err);
	return result;
}
