/* SPDX-License-Identifier: MIT */
#include "git/space.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "git/failure.h"
#include "git/reuse.h"
#include "git/walk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

/*
 * Whether a release fits, before its first file is written. Blobs tell their size without
 * being unpacked. It is an estimate: directories that grow and the file system's own
 * books are not in it, so the end of the disk in the middle of an export is still an
 * error like any other, with the same numbers.
 */

#define BYTES_PER_MB 1e6
#define AMOUNT_MAX_BYTES 96
#define NUMBER_MAX_BYTES 32

struct sum {
	git_odb *odb;
	int64_t block_bytes;
	bool is_linking;
	struct manifest previous; /* a place of our own in the borrowed manifest */
	struct space space;
};

static void add_inode(struct sum *sum, int64_t bytes)
{
	sum->space.needed_inodes++;
	sum->space.needed_bytes +=
		(bytes + sum->block_bytes - 1) / sum->block_bytes * sum->block_bytes;
}

static int enter(void *userdata, const char *name __attribute__((unused)),
		 struct error *err __attribute__((unused)))
{
	add_inode(userdata, 1);
	return 0;
}

static void leave(void *userdata __attribute__((unused)))
{
}

static bool will_be_link(struct sum *sum, const struct walk_leaf *leaf)
{
	const struct manifest_entry *entry =
		sum->is_linking ? manifest_seek(&sum->previous, leaf->path) : NULL;

	return entry && git_oid_equal(&entry->id, leaf->id);
}

static int add_leaf(void *userdata, const struct walk_leaf *leaf, struct error *err)
{
	struct sum *sum = userdata;
	git_object_t type;
	size_t size_bytes;
	int code;

	if (leaf->is_ignored)
		return 0;
	if (leaf->mode == GIT_FILEMODE_COMMIT || leaf->mode == GIT_FILEMODE_LINK) {
		add_inode(sum, 1);
		return 0;
	}
	code = git_odb_read_header(&size_bytes, &type, sum->odb, leaf->id);
	if (code < 0)
		return failure_set_object(err, code, leaf->id);
	if (!will_be_link(sum, leaf))
		add_inode(sum, (int64_t)size_bytes);
	sum->space.files_count++;
	sum->space.bytes += (int64_t)size_bytes;
	return 0;
}

static int look(int dir_fd, struct statvfs *ret_found, struct error *err)
{
	if (fstatvfs(dir_fd, ret_found) == 0)
		return 0;
	return error_set(err, errno, "ask the file system for its free space: %s",
			 strerror(errno));
}

int space_measure(const struct space_question *question, struct space *ret_space,
		  struct error *err)
{
	const struct reuse *reuse = question->reuse;
	struct sum sum = {
		.odb = question->odb,
		.is_linking = reuse->way == REUSE_HARDLINK && reuse->previous_fd >= 0,
		.previous = reuse->previous,
	};
	const struct walk_visitor visitor = { enter, leave, add_leaf, &sum };
	struct statvfs found;
	int result = look(question->dir_fd, &found, err);

	if (result < 0)
		return result;
	sum.block_bytes = found.f_frsize ? (int64_t)found.f_frsize : 1;
	result = walk_tree(question->repository, question->tree_id, &visitor, err);
	if (result == 0)
		*ret_space = sum.space;
	return result;
}

/* 1532 as "1,532". */
static void format_number(int64_t number, char ret_text[static NUMBER_MAX_BYTES])
{
	char digits[NUMBER_MAX_BYTES];
	int length = snprintf(digits, sizeof(digits), "%" PRId64, number);
	size_t used = 0;

	for (int i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			ret_text[used++] = ',';
		ret_text[used++] = digits[i];
	}
	ret_text[used] = '\0';
}

static void format_amount(int64_t bytes, int64_t inodes, char *ret_text,
			  size_t size_bytes)
{
	char number[NUMBER_MAX_BYTES] = "any number of";

	if (inodes >= 0)
		format_number(inodes, number);
	(void)snprintf(ret_text, size_bytes, "%.1f MB and %s inodes",
		       (double)bytes / BYTES_PER_MB, number);
}

/* A file system that counts no inodes says that it has none at all. */
static char *describe(const struct space *space, const struct statvfs *found,
		      const char *path)
{
	int64_t free_inodes = found->f_files > 0 ? (int64_t)found->f_favail : -1;
	char needed[AMOUNT_MAX_BYTES], left[AMOUNT_MAX_BYTES];

	format_amount(space->needed_bytes, space->needed_inodes, needed, sizeof(needed));
	format_amount((int64_t)(found->f_bavail * found->f_frsize), free_inodes, left,
		      sizeof(left));
	return text_format("the release needs about %s below '%.80s', %s are free: "
			   "remove something there, or enlarge the file system",
			   needed, path, left);
}

int space_check(const struct space *space, int dir_fd, const char *path,
		struct error *err)
{
	autofree char *text = NULL;
	struct statvfs found;
	int result = look(dir_fd, &found, err);
	bool has_room, has_inodes;

	if (result < 0)
		return result;
	has_room = space->needed_bytes <= (int64_t)(found.f_bavail * found.f_frsize);
	has_inodes =
		found.f_files == 0 || space->needed_inodes <= (int64_t)found.f_favail;
	if (has_room && has_inodes)
		return 0;
	text = describe(space, &found, path);
	return error_set(err, ENOSPC, "%s", text);
}

int space_explain(const struct space *space, int dir_fd, const char *path,
		  struct error *err)
{
	autofree char *text = NULL;
	autofree char *cause = NULL;
	struct statvfs found;

	if ((err->code != -ENOSPC && err->code != -EDQUOT) ||
	    fstatvfs(dir_fd, &found) < 0)
		return err->code;
	cause = text_copy(err->text);
	text = describe(space, &found, path);
	return error_set(err, err->code, "%.240s: %s", cause, text);
}
