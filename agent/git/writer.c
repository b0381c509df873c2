/* SPDX-License-Identifier: MIT */
#include "git/writer.h"

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "git/content.h"
#include "git/entry.h"
#include "git/failure.h"
#include "git/handles.h"
#include "git/walk.h"

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
 * A packed blob cannot be streamed by libgit2; where a large one is unpacked is
 * buffers.c's.
 */

/* docs/spec.md of Git LFS: a pointer is smaller than this and begins so. */
#define LFS_POINTER_MAX_BYTES 1024
#define LFS_BEGINNING "version https://git-lfs.github.com/spec/"
#define LFS_FILTER "lfs"

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

static bool is_lfs_pointer(const struct content *content)
{
	return content->length_bytes < LFS_POINTER_MAX_BYTES &&
		content->length_bytes > strlen(LFS_BEGINNING) &&
		memcmp(content->data, LFS_BEGINNING, strlen(LFS_BEGINNING)) == 0;
}

/* What git would do with it at a checkout, and we do not. */
static void notice(struct writer *writer, const struct walk_leaf *leaf,
		   const struct content *content)
{
	const struct attribute_value *filter = &leaf->attributes[ATTRIBUTE_FILTER];
	const struct attribute_value *encoding = &leaf->attributes[ATTRIBUTE_ENCODING];
	bool is_lfs = filter->state == ATTRIBUTE_TEXT_VALUE &&
		strcmp(filter->text, LFS_FILTER) == 0;

	if (is_lfs && is_lfs_pointer(content))
		notices_add(&writer->notices, NOTICE_LFS, leaf->path, NULL);
	if (!is_lfs && filter->state == ATTRIBUTE_TEXT_VALUE)
		notices_add(&writer->notices, NOTICE_FILTER, leaf->path, filter->text);
	if (encoding->state == ATTRIBUTE_TEXT_VALUE &&
	    strcasecmp(encoding->text, "UTF-8") != 0)
		notices_add(&writer->notices, NOTICE_ENCODING, leaf->path,
			    encoding->text);
}

static int change(struct writer *writer, const struct walk_leaf *leaf,
		  struct content *content, struct error *err)
{
	int result;

	notice(writer, leaf, content);
	content_convert(content, leaf->attributes, leaf->id);
	if (leaf->attributes[ATTRIBUTE_EXPORT_SUBST].state != ATTRIBUTE_TRUE)
		return 0;
	result = subst_apply(&writer->subst, content, err);
	if (result == 0 && *writer->subst.left)
		notices_add(&writer->notices, NOTICE_PLACEHOLDER, leaf->path,
			    writer->subst.left);
	return result;
}

/* Whether a checkout would be anything but the blob's bytes. */
static bool has_changes(const struct attribute_value *attributes)
{
	return attributes &&
		(attributes[ATTRIBUTE_EXPORT_SUBST].state == ATTRIBUTE_TRUE ||
		 attributes[ATTRIBUTE_IDENT].state == ATTRIBUTE_TRUE ||
		 attributes[ATTRIBUTE_EOL].state == ATTRIBUTE_TEXT_VALUE ||
		 attributes[ATTRIBUTE_ENCODING].state == ATTRIBUTE_TEXT_VALUE ||
		 attributes[ATTRIBUTE_FILTER].state == ATTRIBUTE_TEXT_VALUE);
}

static int write_contents(int dir_fd, const char *name, mode_t mode,
			  const struct content *content, struct stat *ret_status)
{
	autoclose int fd =
		openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		       mode);
	int result;

	if (fd < 0)
		return -errno;
	result = file_write_all(fd, content->data, content->length_bytes);
	if (result == 0 && fstat(fd, ret_status) < 0)
		result = -errno;
	if (result == 0 && close(TAKE_FD(fd)) < 0)
		result = -errno;
	return result;
}

static int write_blob(struct writer *writer, int dir_fd, const struct walk_leaf *leaf,
		      struct stat *ret_status, struct error *err)
{
	mode_t mode =
		reuse_mode(&writer->reuse, leaf->mode == GIT_FILEMODE_BLOB_EXECUTABLE);
	autoodbobject git_odb_object *blob = NULL;
	autocontent struct content content = { 0 };
	int result = read_blob(writer, leaf->id, &blob, err);

	if (result < 0)
		return result;
	content.data = git_odb_object_data(blob);
	content.length_bytes = git_odb_object_size(blob);
	if (has_changes(leaf->attributes))
		result = change(writer, leaf, &content, err);
	if (result < 0)
		return result;
	result = write_contents(dir_fd, leaf->name, mode, &content, ret_status);
	return result < 0 ? error_set(err, result, "%s", strerror(-result)) : 0;
}

static int write_file(struct writer *writer, struct reuse_place place,
		      const struct walk_leaf *leaf, struct error *err)
{
	mode_t mode =
		reuse_mode(&writer->reuse, leaf->mode == GIT_FILEMODE_BLOB_EXECUTABLE);
	bool is_blob = !has_changes(leaf->attributes);
	struct stat status;
	int result = 0;

	if (!is_blob || !reuse_take(&writer->reuse, place, leaf, mode, &status))
		result = write_blob(writer, place.dir_fd, leaf, &status, err);
	if (result < 0)
		return result;
	if (is_blob)
		manifest_add(&writer->reuse.maker, leaf->path, leaf->id, &status);
	writer->files_count++;
	writer->bytes += status.st_size;
	return 0;
}

static int write_symlink(struct writer *writer, struct reuse_place place,
			 const struct walk_leaf *leaf, struct error *err)
{
	autoodbobject git_odb_object *blob = NULL;
	char target[PATH_MAX];
	size_t length_bytes;
	int result = read_blob(writer, leaf->id, &blob, err);

	if (result < 0)
		return result;
	length_bytes = git_odb_object_size(blob);
	if (!entry_is_safe_target(git_odb_object_data(blob), length_bytes))
		return error_set(err, EBADMSG,
				 "its contents cannot be a symbolic link's target");
	memcpy(target, git_odb_object_data(blob), length_bytes);
	target[length_bytes] = '\0';
	if (symlinkat(target, place.dir_fd, leaf->name) < 0)
		return error_set(err, errno, "%s", strerror(errno));
	writer->symlinks_count++;
	return 0;
}

/* As git archive does: the place is there, the contents are not in this repository. */
static int write_submodule(struct writer *writer, struct reuse_place place,
			   const struct walk_leaf *leaf, struct error *err)
{
	if (mkdirat(place.dir_fd, leaf->name, 0755) < 0)
		return error_set(err, errno, "%s", strerror(errno));
	writer->submodules_count++;
	notices_add(&writer->notices, NOTICE_SUBMODULE, leaf->path, NULL);
	return 0;
}

static const struct {
	git_filemode_t mode;
	int (*write)(struct writer *writer, struct reuse_place place,
		     const struct walk_leaf *leaf, struct error *err);
} writes[] = {
	{ GIT_FILEMODE_BLOB, write_file },
	{ GIT_FILEMODE_BLOB_EXECUTABLE, write_file },
	{ GIT_FILEMODE_LINK, write_symlink },
	{ GIT_FILEMODE_COMMIT, write_submodule },
};

int writer_write(struct writer *writer, struct reuse_place place,
		 const struct walk_leaf *leaf, struct error *err)
{
	for (size_t i = 0; i < ARRAY_COUNT(writes); i++)
		if (writes[i].mode == leaf->mode)
			return writes[i].write(writer, place, leaf, err);
	return error_set(err, EBADMSG, "its mode %o is not one of git's",
			 (unsigned int)leaf->mode);
}
