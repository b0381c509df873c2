/* SPDX-License-Identifier: MIT */
#include "git/export.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/wire.h"
#include "git/failure.h"
#include "git/handles.h"
#include "git/library.h"
#include "git/mirror.h"
#include "git/pace.h"
#include "git/writer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * From a commit to files, by a walk of our own: libgit2's checkout wants an index and a
 * work tree, fsyncs nothing, and has far more opinions than a release needs. The walk
 * keeps its own stack, one open directory a level, so no tree is too deep for ours; what
 * one entry becomes is writer.c's. One syncfs() at the end instead of an fsync() a file
 * (facts R4).
 */

#define EXPORT_UMASK 022
/* Deeper than any path that the kernel takes in one piece. */
#define EXPORT_DEPTH_MAX (PATH_MAX / 2)
#define SPARE_DESCRIPTORS 64
#define PATH_SHOWN_MAX_BYTES 200

/* A directory being filled. */
struct level {
	git_tree *tree;
	size_t next;      /* the entry to write */
	const char *name; /* borrowed from the level above; "" for the root */
	int fd;
};

struct export_run {
	git_repository *repository;
	struct writer writer;
	struct level *levels;
	size_t depth, capacity;
	struct pace pace;
};

static void pop_level(struct export_run *run)
{
	struct level *level = &run->levels[--run->depth];

	git_tree_free(level->tree);
	(void)close(level->fd);
}

static void done(struct export_run *run)
{
	while (run->depth > 0)
		pop_level(run);
	free(run->levels);
	git_odb_free(run->writer.odb);
	git_repository_free(run->repository);
}

/* Takes the descriptor, the tree's directory. */
static int push_level(struct export_run *run, const git_oid *tree_id, const char *name,
		      int fd, struct error *err)
{
	autoclose int owned_fd = fd;
	git_tree *tree;
	int code;

	if (run->depth == EXPORT_DEPTH_MAX)
		return error_set(err, ELOOP, "more than %d directories deep",
				 EXPORT_DEPTH_MAX);
	code = git_tree_lookup(&tree, run->repository, tree_id);
	if (code < 0)
		return failure_set_object(err, code, tree_id);
	if (run->depth == run->capacity) {
		size_t capacity = run->capacity * 2 + 16;

		run->levels = memory_grow(run->levels, run->capacity, capacity,
					  sizeof(*run->levels));
		run->capacity = capacity;
	}
	run->levels[run->depth++] = (struct level){ tree, 0, name, TAKE_FD(owned_fd) };
	return 0;
}

/* Of a long path the end, so that the cause behind it still fits into the error. */
static const char *shorten_path(const char *path)
{
	size_t length = strlen(path);

	return length > PATH_SHOWN_MAX_BYTES ? path + length - PATH_SHOWN_MAX_BYTES
					     : path;
}

/* Only an error makes the path worth being put together. */
static int wrap_path(const struct export_run *run, const char *name, struct error *err)
{
	autofree char *path = text_copy(name);

	for (size_t i = run->depth; i > 1; i--) {
		char *longer = text_format("%s/%s", run->levels[i - 1].name, path);

		free(path);
		path = longer;
	}
	return error_wrap(err, "write '%s'", shorten_path(path));
}

static int tell_progress(struct export_run *run, struct error *err)
{
	struct json_object *line;

	if (!pace_is_due(&run->pace))
		return 0;
	line = json_new_object();
	json_set_integer(line, "files", run->writer.files_count);
	json_set_integer(line, "bytes", run->writer.bytes);
	if (wire_send_progress(line) < 0)
		return error_set(err, EPIPE, "whoever asked for the export is gone");
	return 0;
}

static int write_entry(struct export_run *run, int dir_fd, const git_tree_entry *entry,
		       struct error *err)
{
	const char *name = git_tree_entry_name(entry);
	int fd = -1, result = writer_write(&run->writer, dir_fd, entry, &fd, err);

	if (result == 0 && fd >= 0)
		result = push_level(run, git_tree_entry_id(entry), name, fd, err);
	return result < 0 ? wrap_path(run, name, err) : 0;
}

static int walk(struct export_run *run, struct error *err)
{
	int result = 0;

	while (result == 0 && run->depth > 0) {
		struct level *level = &run->levels[run->depth - 1];
		const git_tree_entry *entry =
			git_tree_entry_byindex(level->tree, level->next++);

		if (!entry) {
			pop_level(run);
			continue;
		}
		result = write_entry(run, level->fd, entry, err);
		if (result == 0)
			result = tell_progress(run, err);
	}
	return result;
}

/* A level costs a descriptor; 1024, the usual limit, is less than the depth we allow. */
static void raise_descriptor_limit(void)
{
	rlim_t wanted = EXPORT_DEPTH_MAX + SPARE_DESCRIPTORS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
	/* Without it only a very deep tree fails, and says why. */
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int check_is_empty(int dir_fd, const char *path, struct error *err)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int result = 0;

	if (!directory)
		return error_set(err, errno, "read '%s': %s", path, strerror(errno));
	while (result == 0 && (entry = readdir(directory)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			result = error_set(err, ENOTEMPTY,
					   "'%s' is not empty: '%s' is in it", path,
					   entry->d_name);
	(void)closedir(directory);
	return result;
}

static int open_target(const struct json_object *request, int *ret_fd, struct error *err)
{
	const char *path = NULL;
	autoclose int fd = -1;
	int result = wire_require_string(request, "directory", &path, err);

	if (result < 0)
		return result;
	if (path[0] != '/')
		return error_set(err, EINVAL, "'%s' is not an absolute path", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "open the directory '%s': %s", path,
				 strerror(errno));
	result = check_is_empty(fd, path, err);
	if (result < 0)
		return result;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int read_root(struct export_run *run, const struct json_object *request,
		     git_oid *ret_tree_id, struct error *err)
{
	autocommit git_commit *commit = NULL;
	const char *revision = NULL;
	git_oid id;
	int code, result = wire_require_string(request, "revision", &revision, err);

	if (result < 0)
		return result;
	if (!text_is_revision(revision) || strlen(revision) != REVISION_HEX_BYTES)
		return error_set(err, EINVAL, "'%s' is not a full object id of %d digits",
				 revision, REVISION_HEX_BYTES);
	code = git_oid_fromstr(&id, revision);
	if (code == 0)
		code = git_commit_lookup(&commit, run->repository, &id);
	if (code == GIT_ENOTFOUND)
		return error_set(err, ENOENT,
				 "the mirror has no commit %s that this user can read",
				 revision);
	if (code < 0)
		return failure_set(err, code, "read the commit %s", revision);
	git_oid_cpy(ret_tree_id, git_commit_tree_id(commit));
	return 0;
}

static int open_mirror(struct export_run *run, const struct json_object *request,
		       struct error *err)
{
	const char *path = NULL;
	int code, result = wire_require_string(request, "repository", &path, err);

	if (result == 0)
		result = mirror_open(path, &run->repository, err);
	if (result < 0)
		return result;
	code = git_repository_odb(&run->writer.odb, run->repository);
	if (code < 0)
		return failure_set(err, code, "open the objects of '%s'", path);
	return 0;
}

static struct json_object *describe(const struct writer *writer)
{
	struct json_object *result = json_new_object();

	json_set_integer(result, "files", writer->files_count);
	json_set_integer(result, "symlinks", writer->symlinks_count);
	json_set_integer(result, "directories", writer->directories_count);
	json_set_integer(result, "submodules", writer->submodules_count);
	json_set_integer(result, "bytes", writer->bytes);
	return result;
}

int export_perform(const struct json_object *request, struct json_object **ret_result,
		   struct error *err)
{
	__attribute__((cleanup(done))) struct export_run run = { 0 };
	autoclose int target_fd = -1;
	git_oid tree_id;
	int fd, result = library_start(false, err);

	(void)umask(EXPORT_UMASK);
	raise_descriptor_limit();
	if (result == 0)
		result = open_mirror(&run, request, err);
	if (result == 0)
		result = read_root(&run, request, &tree_id, err);
	if (result == 0)
		result = open_target(request, &target_fd, err);
	if (result < 0)
		return result;
	fd = fcntl(target_fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return error_set(err, errno, "open the directory again: %s",
				 strerror(errno));
	result = push_level(&run, &tree_id, "", fd, err);
	if (result == 0)
		result = walk(&run, err);
	if (result < 0)
		return result;
	if (syncfs(target_fd) < 0)
		return error_set(err, errno, "write to the disk: %s", strerror(errno));
	*ret_result = describe(&run.writer);
	return 0;
}
