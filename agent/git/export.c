/* SPDX-License-Identifier: MIT */
#include "git/export.h"

#include "base/confine.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/wire.h"
#include "git/buffers.h"
#include "git/damage.h"
#include "git/failure.h"
#include "git/fill.h"
#include "git/handles.h"
#include "git/library.h"
#include "git/mirror.h"
#include "git/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <git2/odb_backend.h>
#include <git2/sys/odb_backend.h>
#include <git2/sys/repository.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * From a commit to files, by a walk of our own: libgit2's checkout wants an index and a
 * work tree, fsyncs nothing, and has far more opinions than a release needs. The way
 * through the tree is walk.c's, the directories are fill.c's, what one entry becomes is
 * writer.c's; here is what is around that. One syncfs() at the end instead of an fsync()
 * a file (facts R4).
 */

#define EXPORT_UMASK 022
#define SPARE_DESCRIPTORS 64
/* As libgit2 has them: a pack is asked before loose files. */
#define LOOSE_PRIORITY 1
#define PACKED_PRIORITY 2

struct export_run {
	git_repository *repository;
	git_commit *commit;
	struct fill fill;
};

static void done(struct export_run *run)
{
	fill_done(&run->fill);
	git_odb_free(run->fill.writer.odb);
	git_commit_free(run->commit);
	git_repository_free(run->repository);
}

/* A level costs a descriptor; 1024, the usual limit, is less than the depth we allow. */
static void raise_descriptor_limit(void)
{
	rlim_t wanted = WALK_DEPTH_MAX + SPARE_DESCRIPTORS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
	/* Without it only a very deep tree fails, and says why. */
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/*
 * The mirror's owner is another user than ours, and libgit2 goes where he makes it lead:
 * to be read are his repository and our own tree.
 */
static int stay_inside(const struct json_object *request, struct error *err)
{
	const char *repository = json_string(request, "repository");
	const char *deploy_to = json_string(request, "deploy_to");
	autoclose int repository_fd = -1;
	autoclose int deploy_fd = -1;

	if (!repository || !deploy_to)
		return 0;
	repository_fd = open(repository, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	deploy_fd = open(deploy_to, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (deploy_fd < 0)
		return error_set(err, errno, "open deploy_to '%s': %s", deploy_to,
				 strerror(errno));
	const struct confine_place places[] = { { repository_fd, false },
						{ deploy_fd, true } };

	return confine(places, ARRAY_COUNT(places), CONFINE_READING, err);
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
	fd = file_open_without_links(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return error_set(err, fd, "open the directory '%s': %s%s", path,
				 strerror(-fd),
				 fd == -ELOOP
					 ? ": a link stands where a directory belongs"
					 : "");
	result = check_is_empty(fd, path, err);
	if (result < 0)
		return result;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int read_commit(struct export_run *run, const struct json_object *request,
		       struct error *err)
{
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
		code = git_commit_lookup(&run->commit, run->repository, &id);
	if (code == GIT_ENOTFOUND)
		return error_set(err, ENOENT,
				 "the mirror has no commit %s that this user can read",
				 revision);
	if (code < 0)
		return failure_set(err, code, "read the commit %s", revision);
	run->fill.writer.subst.repository = run->repository;
	run->fill.writer.subst.commit = run->commit;
	return 0;
}

/* The mirror's own objects, and none of the places that objects/info/alternates names. */
static int open_objects(git_odb **ret_odb, const char *repository_path)
{
	autofree char *path = text_format("%s/objects", repository_path);
	autoodb git_odb *odb = NULL;
	git_odb_backend *loose = NULL, *packed = NULL;
	int code = git_odb_new(&odb);

	if (code == 0)
		code = git_odb_backend_loose(&loose, path, -1, 0, 0, 0);
	if (code == 0)
		code = git_odb_add_backend(odb, loose, LOOSE_PRIORITY);
	if (code == 0)
		code = git_odb_backend_pack(&packed, path);
	if (code == 0)
		code = git_odb_add_backend(odb, packed, PACKED_PRIORITY);
	if (code == 0)
		*ret_odb = TAKE(odb);
	return code;
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
	code = open_objects(&run->fill.writer.odb, path);
	if (code == 0)
		code = git_repository_set_odb(run->repository, run->fill.writer.odb);
	if (code < 0)
		return failure_set(err, code, "open the objects of '%s'", path);
	return 0;
}

static struct json_object *describe(const struct fill *fill)
{
	const struct writer *writer = &fill->writer;
	struct json_object *result = json_new_object();

	json_set_integer(result, "files", writer->files_count);
	json_set_integer(result, "symlinks", writer->symlinks_count);
	json_set_integer(result, "directories", fill->directories_count);
	json_set_integer(result, "submodules", writer->submodules_count);
	json_set_integer(result, "bytes", writer->bytes);
	json_set_integer(result, "reused", writer->reuse.count);
	json_set(result, "warnings", notices_describe(&writer->notices));
	return result;
}

/* The space is looked at first: a release that does not fit is not begun. */
static int write_tree(struct export_run *run, const struct json_object *request,
		      int target_fd, struct error *err)
{
	const char *path = json_string(request, "directory");
	struct fill *fill = &run->fill;
	const struct space_question question = {
		run->repository, fill->writer.odb,    git_commit_tree_id(run->commit),
		target_fd,       &fill->writer.reuse,
	};
	int result = space_measure(&question, &fill->space, err);

	if (result == 0)
		result = space_check(&fill->space, target_fd, path, err);
	if (result < 0)
		return result;
	result = fill_directory(fill, run->repository, question.tree_id, target_fd, err);
	if (result == 0)
		result = notices_check(&fill->writer.notices, err);
	if (result < 0)
		return space_explain(&fill->space, target_fd, path, err);
	reuse_save(&fill->writer.reuse, request);
	return 0;
}

int export_perform(const struct json_object *request, struct json_object **ret_result,
		   struct error *err)
{
	__attribute__((cleanup(done))) struct export_run run = {
		.fill.writer.reuse = { .store_fd = -1, .previous_fd = -1 },
	};
	autoclose int target_fd = -1;
	int result = library_start(false, err);

	(void)umask(EXPORT_UMASK);
	raise_descriptor_limit();
	if (result == 0)
		result = stay_inside(request, err);
	if (result == 0)
		result = open_mirror(&run, request, err);
	if (result == 0)
		result = read_commit(&run, request, err);
	if (result == 0)
		result = open_target(request, &target_fd, err);
	if (result == 0)
		result = reuse_open(&run.fill.writer.reuse, request, err);
	if (result == 0)
		buffers_use_directory(target_fd);
	if (result == 0)
		result = write_tree(&run, request, target_fd, err);
	if (result == 0 && syncfs(target_fd) < 0)
		result = error_set(err, errno, "write to the disk: %s", strerror(errno));
	if (result == 0)
		*ret_result = describe(&run.fill);
	return result == -EUCLEAN ? damage_judge(json_string(request, "repository"), err)
				  : result;
}
