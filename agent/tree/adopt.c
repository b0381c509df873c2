/* SPDX-License-Identifier: MIT */
#include "tree/adopt.h"

#include "base/error.h"
#include "base/memory.h"
#include "tree/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A directory that somebody else made (cap, a person) is taken as it stands, or refused
 * before anything is done in it: what would fail in the middle of a deployment is said at
 * its beginning. A mount is looked for, too: links and renames do not lead out of one,
 * and a bind mount of the same file system has the same device number.
 */

#define STATX_FLAGS (AT_EMPTY_PATH | AT_NO_AUTOMOUNT)
#define STATX_WANTED (STATX_UID | STATX_MNT_ID)

static int look(int fd, const char *name, struct statx *ret_status, struct error *err)
{
	if (statx(fd, "", STATX_FLAGS, STATX_WANTED, ret_status) == 0)
		return 0;
	return error_set(err, errno, "look at '%s': %s", name, strerror(errno));
}

static bool is_one_mount(const struct statx *a, const struct statx *b)
{
	if (a->stx_dev_major != b->stx_dev_major || a->stx_dev_minor != b->stx_dev_minor)
		return false;
	/* Before Linux 5.8 the kernel does not tell. */
	if (!(a->stx_mask & b->stx_mask & STATX_MNT_ID))
		return true;
	return a->stx_mnt_id == b->stx_mnt_id;
}

static int check_directory(const struct layout *layout, const struct statx *whole,
			   const char *name, struct error *err)
{
	autoclose int fd =
		openat(layout->fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct statx status;
	int result;

	/* Not there, or no directory: who needs it, makes it or says so. */
	if (fd < 0)
		return 0;
	result = look(fd, name, &status, err);
	if (result < 0)
		return result;
	if (!is_one_mount(whole, &status))
		return error_set(
			err, EXDEV,
			"'%s' in '%s' is on another file system or mount: both must "
			"be on one, so mount the whole directory or unmount this",
			name, layout->path);
	if (status.stx_uid != geteuid())
		return error_set(
			err, EPERM,
			"'%s' in '%s' belongs to uid %u, not to the application's "
			"user: give it to that user with all that is in it (chown "
			"-R), or name its owner in application.user",
			name, layout->path, status.stx_uid);
	return 0;
}

int adopt_check(const struct layout *layout, struct error *err)
{
	static const char *const names[] = { "releases", "shared" };
	struct statx whole;
	int result = look(layout->fd, layout->path, &whole, err);

	for (size_t i = 0; result == 0 && i < ARRAY_COUNT(names); i++)
		result = check_directory(layout, &whole, names[i], err);
	return result;
}
