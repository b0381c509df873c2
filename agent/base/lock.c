/* SPDX-License-Identifier: MIT */
#include "base/lock.h"

#include "base/error.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/*
 * One run at a time. flock() rather than fcntl locks: it belongs to the open file, so a
 * worker that inherits the descriptor keeps the next run out until it is gone itself,
 * even when the supervisor was killed.
 */

int lock_take(int dir_fd, const char *name, int *ret_fd, struct error *err)
{
	autoclose int fd =
		openat(dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return error_set(err, errno, "open the lock '%s': %s", name,
				 strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		*ret_fd = TAKE_FD(fd);
		return 0;
	}
	if (errno != EWOULDBLOCK)
		return error_set(err, errno, "lock '%s': %s", name, strerror(errno));
	return error_set(
		err, EWOULDBLOCK,
		"another run is under way: wait for its end, or see what it does "
		"with 'bootagent status'");
}
