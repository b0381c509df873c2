/* SPDX-License-Identifier: MIT */
#include "git/mirror.h"

#include "base/confine.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "git/failure.h"
#include "git/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The bare repository everything comes from. The supervisor makes its directory, with the
 * owner and the group it must have; what is inside is made here, without libgit2, in an
 * order that a kill at any point can only cut short: HEAD comes last and makes it a
 * repository, everything before is made again by the next run. config and HEAD are ours:
 * other contents, whoever wrote them, do not survive (facts G11).
 *
 * It is opened with git_repository_open_bare only, which asks neither for its owner nor
 * for a work tree; what libgit2 calls "not found" there means that we may not look.
 */

#define OWN_FILE_MAX_BYTES 4096
#define OWN_FILE_MODE 0640
#define OWN_DIRECTORY_MODE 0750

static const char config_text[] = "# Written by bootagent-source before every fetch.\n"
				  "[core]\n"
				  "\trepositoryformatversion = 0\n"
				  "\tfilemode = true\n"
				  "\tbare = true\n";

/* What a repository consists of, git's own template included. */
static const char *const known_names[] = {
	"HEAD", "branches", "config",      "description", "hooks",
	"info", "objects",  "packed-refs", "refs",
};

static const struct {
	const char *parent;
	const char *name;
} own_directories[] = {
	{ ".", "objects" }, { "objects", "info" }, { "objects", "pack" },
	{ ".", "refs" },    { "refs", "heads" },   { "refs", "tags" },
};

static int open_directory(const char *path, int *ret_fd, struct error *err)
{
	int fd;

	if (path[0] != '/')
		return error_set(err, EINVAL, "'%s' is not an absolute path", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == EACCES)
		return error_set(
			err, EACCES,
			"no permission to open '%s' as uid %u, gid %u: check the owner "
			"and the group of the directory and of those above it",
			path, geteuid(), getegid());
	if (fd < 0)
		return error_set(err, errno, "open the directory '%s': %s", path,
				 strerror(errno));
	*ret_fd = fd;
	return 0;
}

static int check_owner(int dir_fd, const char *path, struct error *err)
{
	struct stat status;

	if (fstat(dir_fd, &status) < 0)
		return error_set(err, errno, "stat '%s': %s", path, strerror(errno));
	if (status.st_uid != geteuid())
		return error_set(
			err, EACCES,
			"no permission to fetch into '%s': it belongs to uid %u, and "
			"this is uid %u",
			path, status.st_uid, geteuid());
	if (faccessat(dir_fd, ".", R_OK | W_OK | X_OK, AT_EACCESS) < 0)
		return error_set(err, errno, "no permission to fetch into '%s': %s", path,
				 strerror(errno));
	return 0;
}

static bool is_known_name(const char *name)
{
	if (strncmp(name, ".tmp-", strlen(".tmp-")) == 0 || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return true;
	for (size_t i = 0; i < ARRAY_COUNT(known_names); i++)
		if (strcmp(name, known_names[i]) == 0)
			return true;
	return false;
}

static bool is_there(int dir_fd, const char *name)
{
	return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/*
 * Without a HEAD it must be empty or half made by us: never make a repository of a home.
 */
static int check_contents(int dir_fd, const char *path, struct error *err)
{
	const struct dirent *entry;
	DIR *directory;
	int fd, result = 0;

	if (is_there(dir_fd, "HEAD"))
		return 0;
	fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	directory = fd < 0 ? NULL : fdopendir(fd);
	if (!directory)
		return error_set(err, errno, "read '%s': %s", path, strerror(errno));
	while (result == 0 && (entry = readdir(directory)))
		if (!is_known_name(entry->d_name))
			result = error_set(
				err, ENOTEMPTY,
				"'%s' is neither empty nor a git repository: it has '%s'",
				path, entry->d_name);
	(void)closedir(directory);
	return result;
}

static int make_directories(int dir_fd, struct error *err)
{
	for (size_t i = 0; i < ARRAY_COUNT(own_directories); i++) {
		autoclose int parent_fd =
			openat(dir_fd, own_directories[i].parent,
			       O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		autoclose int fd = -1;
		int result;

		if (parent_fd < 0)
			return error_set(err, errno, "open the directory '%s': %s",
					 own_directories[i].parent, strerror(errno));
		result = file_make_directory(parent_fd, own_directories[i].name,
					     OWN_DIRECTORY_MODE, &fd, err);
		if (result < 0)
			return result;
		if (faccessat(fd, ".", R_OK | W_OK | X_OK, AT_EACCESS) < 0)
			return error_set(err, errno, "no permission to write in '%s': %s",
					 own_directories[i].name, strerror(errno));
	}
	return 0;
}

/* An equal file is left alone: a fetch that finds nothing new costs no fsync. */
static int write_own_file(int dir_fd, const char *name, const char *text,
			  struct error *err)
{
	struct error ignored = { 0 };
	autofree char *present = NULL;

	if (file_read(dir_fd, name, OWN_FILE_MAX_BYTES, &present, NULL, &ignored) == 0 &&
	    strcmp(present, text) == 0)
		return 0;
	return file_write(dir_fd, name, text, OWN_FILE_MODE, FILE_DURABLE, err);
}

/* A file where a directory belongs, a directory or a link where a file does. */
static bool is_misshapen(int result)
{
	return result == -EISDIR || result == -ENOTDIR || result == -ELOOP;
}

static int prepare_contents(int dir_fd, const char *ref, struct error *err)
{
	char head[OWN_FILE_MAX_BYTES];
	int result = make_directories(dir_fd, err);

	if (result == 0)
		result = sweep_mirror(dir_fd, err);
	if (result == 0)
		result = write_own_file(dir_fd, "config", config_text, err);
	if (result < 0)
		return result;
	if (snprintf(head, sizeof(head), "ref: %s\n", ref) >= (int)sizeof(head))
		return error_set(err, ENAMETOOLONG, "the name of the ref is too long");
	return write_own_file(dir_fd, "HEAD", head, err);
}

/* From here on we write nowhere else. */
static int open_own(const char *path, int *ret_fd, struct error *err)
{
	autoclose int dir_fd = -1;
	int result = open_directory(path, &dir_fd, err);

	if (result == 0)
		result = check_owner(dir_fd, path, err);
	if (result == 0)
		result = check_contents(dir_fd, path, err);
	if (result == 0)
		result = confine(&(struct confine_place){ dir_fd, true }, 1,
				 CONFINE_WRITING, err);
	if (result < 0)
		return result;
	*ret_fd = TAKE_FD(dir_fd);
	return 0;
}

int mirror_sweep(const char *path, struct error *err)
{
	autoclose int dir_fd = -1;
	int result = open_own(path, &dir_fd, err);

	return result < 0 ? result : sweep_mirror(dir_fd, err);
}

int mirror_prepare(const char *path, const char *ref, struct error *err)
{
	autoclose int dir_fd = -1;
	int result = open_own(path, &dir_fd, err);

	if (result < 0)
		return result;
	result = prepare_contents(dir_fd, ref, err);
	if (is_misshapen(result))
		return err->code = -EUCLEAN;
	return result < 0 ? error_wrap(err, "prepare the mirror '%s'", path) : 0;
}

int mirror_write_known_hosts(const char *path, const char *text, struct error *err)
{
	autoclose int dir_fd = -1;
	autoclose int ssh_fd = -1;
	int result = open_directory(path, &dir_fd, err);

	if (result == 0)
		result = file_make_directory(dir_fd, ".ssh", OWN_DIRECTORY_MODE, &ssh_fd,
					     err);
	if (result < 0)
		return result;
	file_sweep(ssh_fd);
	if (write_own_file(ssh_fd, "known_hosts", text, err) < 0)
		return error_wrap(err, "prepare the mirror '%s'", path);
	return 0;
}

static int refuse_reader(const char *path, struct error *err)
{
	return error_set(err, EACCES,
			 "no permission to read the repository '%s' as uid %u, gid %u: "
			 "this user must be a member of its group",
			 path, geteuid(), getegid());
}

/* libgit2 takes objects that it may not read for objects that are not there. */
static int check_readable(int dir_fd, const char *path, struct error *err)
{
	static const char *const names[] = { "HEAD", "refs", "objects", "objects/pack" };

	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		if (faccessat(dir_fd, names[i], R_OK, AT_EACCESS) < 0 && errno == EACCES)
			return refuse_reader(path, err);
	return 0;
}

int mirror_open(const char *path, git_repository **ret_repository, struct error *err)
{
	autoclose int dir_fd = -1;
	int code, result = open_directory(path, &dir_fd, err);

	if (result < 0)
		return result;
	if (!is_there(dir_fd, "HEAD") && errno == ENOENT)
		return error_set(err, ENOENT,
				 "'%s' is not a git repository: it has no HEAD", path);
	result = check_readable(dir_fd, path, err);
	if (result < 0)
		return result;
	code = git_repository_open_bare(ret_repository, path);
	if (code == GIT_ENOTFOUND)
		return refuse_reader(path, err);
	if (code < 0)
		return failure_set(err, code, "open the repository '%s'", path);
	return 0;
}
