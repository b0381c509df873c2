/* SPDX-License-Identifier: MIT */
#include "base/confine.h"

#include "base/error.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The kernel's word that a worker stays in its tree (landlock(7)). Our own code opens
 * every directory below another one and never through a link; libraries go by path, and
 * libgit2 would write its pack wherever the mirror's owner makes objects/pack lead in
 * that moment. It is a second wall: nothing here relies on it.
 */

#define ABI_MIN 2 /* the first in which a file can be linked into another directory */
#define ABI_TRUNCATE 3

#define READING (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITING                                                          \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |     \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |   \
	 LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM |   \
	 LANDLOCK_ACCESS_FS_REFER)

/* In the headers since Linux 6.2. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (UINT64_C(1) << 14)
#endif

/* Libraries that are loaded late; ourselves, in a sanitizer's eyes. */
static const char *const system_directories[] = { "/usr", "/lib", "/lib64", "/proc" };

static int add_place(int ruleset_fd, int dir_fd, uint64_t access)
{
	const struct landlock_path_beneath_attr rule = { access, dir_fd };

	return syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH,
		       &rule, 0) < 0
		? -errno
		: 0;
}

static int add_system(int ruleset_fd)
{
	int result = 0;

	for (size_t i = 0; result == 0 && i < ARRAY_COUNT(system_directories); i++) {
		autoclose int fd = open(system_directories[i], O_PATH | O_CLOEXEC);

		if (fd >= 0)
			result = add_place(ruleset_fd, fd, READING);
	}
	return result;
}

static int add_places(int ruleset_fd, const struct confine_place *places, size_t count,
		      uint64_t handled)
{
	int result = handled & READING ? add_system(ruleset_fd) : 0;

	for (size_t i = 0; result == 0 && i < count; i++) {
		uint64_t access = places[i].is_writable ? handled : handled & READING;

		if (places[i].dir_fd >= 0 && access)
			result = add_place(ruleset_fd, places[i].dir_fd, access);
	}
	return result;
}

static int enter(const struct confine_place *places, size_t count, uint64_t handled)
{
	const struct landlock_ruleset_attr attributes = { .handled_access_fs = handled };
	autoclose int ruleset_fd = (int)syscall(SYS_landlock_create_ruleset, &attributes,
						sizeof(attributes), 0);
	int result =
		ruleset_fd < 0 ? -errno : add_places(ruleset_fd, places, count, handled);

	if (result < 0)
		return result;
	/* Required of who is not root; the supervisor has done so already. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return syscall(SYS_landlock_restrict_self, ruleset_fd, 0) < 0 ? -errno : 0;
}

int confine(const struct confine_place *places, size_t count, enum confine_extent extent,
	    struct error *err)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
			   LANDLOCK_CREATE_RULESET_VERSION);
	uint64_t handled = WRITING;
	int result;

	if (abi < ABI_MIN)
		return 0;
	if (abi >= ABI_TRUNCATE)
		handled |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (extent == CONFINE_READING)
		handled |= READING;
	result = enter(places, count, handled);
	if (result == 0)
		return 0;
	return error_set(err, result, "confine this worker to its tree: %s",
			 strerror(-result));
}
