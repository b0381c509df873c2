/* SPDX-License-Identifier: MIT */
#include "git/writer.h"

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "git/entry.h"
#include "git/failure.h"
#include "git/handles.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * One tree entry to one file. Everything is made anew and relative to an open directory:
 * whatever stands at a name already is an error, and no symbolic link, be it of the tree
 * itself or put there meanwhile, leads us elsewhere. The modes are git's two, less the
 * umask, at creation: no chmod that could fail.
 *
 * A packed blob cannot be streamed by libgit2, so the largest one must fit into memory.
 */

static int read_blob(const struct writer *writer, const git_oid *id,
		     git_odb_object **ret_blob, struct error *err)
{
	autoodbobject git_odb_object *blob = NULL;
	int code = git_odb_read(&blob, writer->odb, id);

	if (code < 0)
		return failure_set_object(err, code, id);
	if (git_odb_object_type(blob) != GIT_OBJECT_BLOB)
		return error_set(err, EBADMSG, "%s is not a blob", git_oid_tostr_s(id));
	*ret_blob = TAKE(blob);
	return 0;
}

static int write_contents(int dir_fd, const char *name, mode_t mode, git_odb_object *blob)
{
	autoclose int fd =
		openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		       mode);
	int result;

	if (fd < 0)
		return -errno;
	result = file_write_all(fd, git_odb_object_data(blob), git_odb_object_size(blob));
	if (result == 0 && close(TAKE_FD(fd)) < 0)
		result = -errno;
	return result;
}

static int write_file(struct writer *writer, int dir_fd, const git_tree_entry *entry,
		      int *ret_fd, struct error *err)
{
	bool is_program = git_tree_entry_filemode(entry) == GIT_FILEMODE_BLOB_EXECUTABLE;
	autoodbobject git_odb_object *blob = NULL;
	int result = read_blob(writer, git_tree_entry_id(entry), &blob, err);

	(void)ret_fd;
	if (result < 0)
		return result;
	result = write_contents(dir_fd, git_tree_entry_name(entry),
				is_program ? 0755 : 0644, blob);
	if (result < 0)
		return error_set(err, result, "%s", strerror(-result));
	writer->files_count++;
	writer->bytes += (int64_t)git_odb_object_size(blob);
	return 0;
}

static int write_symlink(struct writer *writer, int dir_fd, const git_tree_entry *entry,
			 int *ret_fd, struct error *err)
{
	autoodbobject git_odb_object *blob = NULL;
	char target[PATH_MAX];
	size_t length_bytes;
	int result = read_blob(writer, git_tree_entry_id(entry), &blob, err);

	(void)ret_fd;
	if (result < 0)
		return result;
	length_bytes = git_odb_object_size(blob);
	if (!entry_is_safe_target(git_odb_object_data(blob), length_bytes))
		return error_set(err, EBADMSG,
				 "its contents cannot be a symbolic link's target");
	memcpy(target, git_odb_object_data(blob), length_bytes);
	target[length_bytes] = '\0';
	if (symlinkat(target, dir_fd, git_tree_entry_name(entry)) < 0)
		return error_set(err, errno, "%s", strerror(errno));
	writer->symlinks_count++;
	return 0;
}

static int make_directory(int dir_fd, const char *name, struct error *err)
{
	if (mkdirat(dir_fd, name, 0755) < 0)
		return error_set(err, errno, "%s", strerror(errno));
	return 0;
}

static int write_directory(struct writer *writer, int dir_fd, const git_tree_entry *entry,
			   int *ret_fd, struct error *err)
{
	const char *name = git_tree_entry_name(entry);
	int fd, result = make_directory(dir_fd, name, err);

	if (result < 0)
		return result;
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "%s", strerror(errno));
	writer->directories_count++;
	*ret_fd = fd;
	return 0;
}

/* As git archive does: the place is there, the contents are not in this repository. */
static int write_submodule(struct writer *writer, int dir_fd, const git_tree_entry *entry,
			   int *ret_fd, struct error *err)
{
	int result = make_directory(dir_fd, git_tree_entry_name(entry), err);

	(void)ret_fd;
	if (result == 0)
		writer->submodules_count++;
	return result;
}

static const struct {
	git_filemode_t mode;
	int (*write)(struct writer *writer, int dir_fd, const git_tree_entry *entry,
		     int *ret_fd, struct error *err);
} writes[] = {
	{ GIT_FILEMODE_BLOB, write_file },
	{ GIT_FILEMODE_BLOB_EXECUTABLE, write_file },
	{ GIT_FILEMODE_LINK, write_symlink },
	{ GIT_FILEMODE_TREE, write_directory },
	{ GIT_FILEMODE_COMMIT, write_submodule },
};

int writer_write(struct writer *writer, int dir_fd, const git_tree_entry *entry,
		 int *ret_fd, struct error *err)
{
	git_filemode_t mode = git_tree_entry_filemode(entry);

	*ret_fd = -1;
	if (!entry_is_safe_name(git_tree_entry_name(entry)))
		return error_set(err, EBADMSG, "no file may have this name");
	for (size_t i = 0; i < ARRAY_COUNT(writes); i++)
		if (writes[i].mode == mode)
			return writes[i].write(writer, dir_fd, entry, ret_fd, err);
	return error_set(err, EBADMSG, "its mode %o is not one of git's",
			 (unsigned int)mode);
}
