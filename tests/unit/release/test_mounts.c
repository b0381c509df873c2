/* SPDX-License-Identifier: MIT */
#include "release/mounts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/scratch.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Which names a place has, by a mountinfo of the test's own. */

#define PLACE ((struct mounts_place){ "8:1", text_copy("/@/srv/app/releases") })

static const char mountinfo[] =
	"21 1 8:1 /@ / rw,relatime shared:1 - btrfs /dev/vda1 rw\n"
	"22 21 0:5 / /srv rw - tmpfs none rw\n"
	"23 21 8:1 /@/srv/app /app rw - btrfs /dev/vda1 rw\n"
	"24 21 8:1 /@/srv/app/releases/1/public /var/www rw - btrfs /dev/vda1 rw\n"
	"25 21 8:1 /@/srv/app/releases /releases rw - btrfs /dev/vda1 rw\n"
	"26 21 8:1 /@/srv/app/releases2 /other rw - btrfs /dev/vda1 rw\n"
	"27 21 8:1 / /whole rw - btrfs /dev/vda1 rw\n"
	"28 21 8:11 /@/srv/app /disk rw - ext4 /dev/vdb1 rw\n"
	"29 21\n"
	"30 21 8:1 nonsense there\n";

static void note(const struct mounts_view *view, void *userdata)
{
	char **text = userdata, *before = *text;

	*text = text_format("%s%s%s\n", before, view->path ? "" : "below ",
			    view->path ? view->path : view->below);
	free(before);
}

static void every_name_is_found(void **state)
{
	const struct scratch *scratch = *state;
	autoclose int fd = openat(scratch->fd, "mountinfo", O_WRONLY | O_CREAT, 0600);
	struct mounts_place place = PLACE;
	autofree char *text = text_copy("");

	assert_int_equal(write(fd, mountinfo, sizeof(mountinfo) - 1),
			 (ssize_t)sizeof(mountinfo) - 1);
	assert_int_equal(mounts_visit(&place, scratch->fd, note, &text), 0);
	assert_string_equal(text,
			    "/srv/app/releases\n"
			    "/app/releases\n"
			    "below /1/public\n"
			    "/releases\n"
			    "/whole/@/srv/app/releases\n");
	mounts_place_done(&place);
}

static void a_process_that_is_gone(void **state)
{
	const struct scratch *scratch = *state;
	struct mounts_place place = PLACE;

	assert_int_equal(mounts_visit(&place, scratch->fd, note, NULL), -ENOENT);
	mounts_place_done(&place);
}

/* What a place is called here is one of the names that it has here. */
static void our_own_name_is_found(void **state)
{
	const struct scratch *scratch = *state;
	autofree char *link = text_format("/proc/self/fd/%d", scratch->fd);
	autoclose int self_fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autofree char *text = text_copy("\n");
	autofree char *line = NULL;
	struct mounts_place place;
	char path[4096];
	ssize_t length = readlink(link, path, sizeof(path) - 1);

	assert_true(length > 0);
	path[length] = '\0';
	assert_int_equal(mounts_place_init(&place, path), 0);
	assert_int_equal(mounts_visit(&place, self_fd, note, &text), 0);
	line = text_format("\n%s\n", path);
	assert_non_null(strstr(text, line));
	mounts_place_done(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(every_name_is_found),
		scratch_test(a_process_that_is_gone),
		scratch_test(our_own_name_is_found),
	};

	return cmocka_run_group_tests_name("release_mounts", tests, NULL, NULL);
}
