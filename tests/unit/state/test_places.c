/* SPDX-License-Identifier: MIT */
#include "state/places.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/identity.h"
#include "base/memory.h"
#include "base/scratch.h"
#include "base/text.h"
#include "loop/fixture.h"

#include <errno.h>

/* Directories below a root: made once, never taken from anybody, never outside. */

/* A user that is not us where we are root; else everybody is oneself. */
static struct identity other = { .name = (char *)"games", .uid = 5, .gid = 60 };

static bool is_root(void)
{
	return geteuid() == 0;
}

static struct places open_places(const struct scratch *scratch)
{
	struct places places;
	struct error err = { 0 };

	assert_int_equal(places_init(&places, scratch->path, &err), 0);
	return places;
}

static struct stat status_of(const struct scratch *scratch, const char *path)
{
	struct stat status;

	assert_int_equal(fstatat(scratch->fd, path, &status, AT_SYMLINK_NOFOLLOW), 0);
	return status;
}

static int make(const struct places *places, const char *path, mode_t mode,
		const struct identity *owner, struct error *err)
{
	const struct places_directory directory = { .path = path,
						    .mode = mode,
						    .owner = owner,
						    .group = owner ? owner->gid : 0 };
	autoclose int fd = -1;
	int result = places_make_owned(places, &directory, &fd, err);

	assert_int_equal(result == 0, fd >= 0);
	return result;
}

static void own_directories_are_made(void **state)
{
	const struct scratch *scratch = *state;
	int fd_count = fixture_count_fds();
	struct places places = open_places(scratch);

	assert_true(S_ISDIR(status_of(scratch, "run/bootagent").st_mode));
	assert_true(S_ISDIR(status_of(scratch, "var/lib/bootagent").st_mode));
	assert_true(S_ISDIR(status_of(scratch, "var/cache/bootagent").st_mode));
	assert_true(fcntl(places.run_fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(places.state_fd, F_GETFD) & FD_CLOEXEC);
	places_done(&places);
	places_done(&places);
	/* and found again */
	places = open_places(scratch);
	places_done(&places);
	assert_int_equal(fixture_count_fds(), fd_count);
}

static void reader_makes_nothing(void **state)
{
	const struct scratch *scratch = *state;
	struct places places;
	struct error err = { 0 };

	assert_int_equal(places_init_reader(&places, scratch->path, &err), 0);
	assert_int_equal(places.run_fd, -1);
	places_done(&places);
	assert_int_equal(scratch_count(scratch), 0);
	assert_int_equal(places_init_reader(&places, "/nowhere", &err), -ENOENT);
	assert_string_equal(err.text,
			    "open the root directory '/nowhere': No such file or "
			    "directory");
	assert_null(places.root);
}

static void root_that_is_no_directory_is_refused(void **state)
{
	const struct scratch *scratch = *state;
	int fd_count = fixture_count_fds();
	struct places places;
	struct error err = { 0 };

	assert_int_equal(places_init(&places, "/etc/passwd", &err), -ENOTDIR);
	/* half way: the second of three cannot be made */
	assert_int_equal(scratch_put(scratch, "var", "", 0), 0);
	assert_int_equal(places_init(&places, scratch->path, &err), -ENOTDIR);
	assert_non_null(strstr(err.text, "make the directory '/var/lib/bootagent'"));
	assert_int_equal(fixture_count_fds(), fd_count);
}

static void paths_stay_inside_the_root(void **state)
{
	const struct scratch *scratch = *state;
	struct places places = open_places(scratch);
	struct error err = { 0 };
	int fd = -1;

	assert_int_equal(symlinkat("/etc", scratch->fd, "out"), 0);
	assert_int_equal(symlinkat("../../..", scratch->fd, "up"), 0);
	assert_int_equal(places_open(&places, "/out/passwd", O_RDONLY, &fd, &err),
			 -ENOENT);
	assert_string_equal(err.text, "open '/out/passwd': No such file or directory");
	assert_int_equal(fd, -1);
	assert_int_equal(places_open(&places, "/up/run", O_RDONLY, &fd, &err), 0);
	(void)close(fd);
	/* an absolute link leads to the root's own */
	assert_int_equal(symlinkat("/run", scratch->fd, "link"), 0);
	assert_int_equal(places_open(&places, "/link/bootagent", O_RDONLY, &fd, &err), 0);
	(void)close(fd);
	places_done(&places);
}

static void new_directory_is_given_away(void **state)
{
	const struct scratch *scratch = *state;
	struct places places = open_places(scratch);
	struct error err = { 0 };
	struct stat status;

	assert_int_equal(make(&places, "/srv/a/api", 02750, &other, &err), 0);
	status = status_of(scratch, "srv/a/api");
	assert_int_equal(status.st_mode & 07777, 02750);
	assert_int_equal(status.st_uid, is_root() ? other.uid : geteuid());
	if (is_root())
		assert_int_equal(status.st_gid, other.gid);
	/* what lies above stays ours */
	assert_int_equal(status_of(scratch, "srv/a").st_uid, geteuid());
	assert_int_equal(status_of(scratch, "srv/a").st_mode & 07777, 0755);
	places_done(&places);
}

static void existing_one_of_the_right_owner_is_left_alone(void **state)
{
	const struct scratch *scratch = *state;
	struct places places = open_places(scratch);
	struct error err = { 0 };

	assert_int_equal(make(&places, "/srv/api", 0755, &other, &err), 0);
	assert_int_equal(fchmodat(scratch->fd, "srv/api", 0711, 0), 0);
	assert_int_equal(make(&places, "/srv/api", 0755, &other, &err), 0);
	assert_int_equal(status_of(scratch, "srv/api").st_mode & 07777, 0711);
	places_done(&places);
}

static void one_of_another_owner_is_refused(void **state)
{
	const struct scratch *scratch = *state;
	struct places places = open_places(scratch);
	struct error err = { 0 };

	if (is_root()) {
		assert_int_equal(mkdirat(scratch->fd, "api", 0755), 0);
		assert_int_equal(make(&places, "/api", 0755, &other, &err), -EPERM);
		assert_string_equal(
			err.text,
			"'/api' exists and does not belong to 'games': give it "
			"to that user, or name another place");
		assert_int_equal(status_of(scratch, "api").st_uid, 0);
		/* ours is refused as well if it is another's */
		assert_int_equal(fchownat(scratch->fd, "api", 5, 60, 0), 0);
		assert_int_equal(make(&places, "/api", 0755, NULL, &err), -EPERM);
		assert_non_null(strstr(err.text, "does not belong to 'root'"));
	}
	places_done(&places);
}

static void half_made_directory_is_finished(void **state)
{
	const struct scratch *scratch = *state;
	struct places places = open_places(scratch);
	struct error err = { 0 };

	/* killed before it was given, and between owner and mode */
	assert_int_equal(mkdirat(scratch->fd, "a", 0700), 0);
	assert_int_equal(mkdirat(scratch->fd, "b", 0700), 0);
	if (is_root())
		assert_int_equal(fchownat(scratch->fd, "b", 5, 60, 0), 0);
	assert_int_equal(make(&places, "/a", 02750, &other, &err), 0);
	assert_int_equal(make(&places, "/b", 02750, &other, &err), 0);
	assert_int_equal(status_of(scratch, "a").st_mode & 07777, 02750);
	assert_int_equal(status_of(scratch, "b").st_mode & 07777, 02750);
	assert_int_equal(status_of(scratch, "a").st_uid, status_of(scratch, "b").st_uid);
	places_done(&places);
}

/* "deploy_to": "/root" must not give root's home away. */
static void private_directory_with_contents_is_not_half_made(void **state)
{
	const struct scratch *scratch = *state;
	struct places places = open_places(scratch);
	struct error err = { 0 };

	assert_int_equal(mkdirat(scratch->fd, "root", 0700), 0);
	assert_int_equal(scratch_put(scratch, "root/.bashrc", "", 0), 0);
	assert_int_equal(make(&places, "/root", 0755, &other, &err),
			 is_root() ? -EPERM : 0);
	assert_int_equal(status_of(scratch, "root").st_uid, geteuid());
	assert_int_equal(status_of(scratch, "root").st_mode & 07777, 0700);
	places_done(&places);
}

static void parent_that_others_change_is_refused(void **state)
{
	const struct scratch *scratch = *state;
	struct places places = open_places(scratch);
	struct error err = { 0 };

	assert_int_equal(mkdirat(scratch->fd, "open", 0700), 0);
	assert_int_equal(fchmodat(scratch->fd, "open", 0777, 0), 0);
	assert_int_equal(make(&places, "/open/api", 0755, &other, &err), -EPERM);
	assert_string_equal(err.text,
			    "'/open' or a directory above it can be changed by other "
			    "users than root: make '/open/api' yourself and give it "
			    "to 'games'");
	assert_int_equal(fchmodat(scratch->fd, "open", 0775, 0), 0);
	assert_int_equal(make(&places, "/open/api", 0755, &other, &err), -EPERM);
	/* nobody but the owner renames in a sticky one */
	assert_int_equal(fchmodat(scratch->fd, "open", 01777, 0), 0);
	assert_int_equal(make(&places, "/open/api", 0755, &other, &err), 0);
	if (is_root()) {
		assert_int_equal(mkdirat(scratch->fd, "home", 0755), 0);
		assert_int_equal(fchownat(scratch->fd, "home", 5, 60, 0), 0);
		assert_int_equal(make(&places, "/home/api", 0755, &other, &err), -EPERM);
	}
	places_done(&places);
}

static void link_in_the_place_is_refused(void **state)
{
	const struct scratch *scratch = *state;
	struct places places = open_places(scratch);
	struct error err = { 0 };

	assert_int_equal(mkdirat(scratch->fd, "target", 0755), 0);
	assert_int_equal(symlinkat("target", scratch->fd, "api"), 0);
	assert_int_equal(make(&places, "/api", 0755, &other, &err), -ENOTDIR);
	assert_int_equal(scratch_put(scratch, "file", "", 0), 0);
	assert_int_equal(make(&places, "/file", 0755, &other, &err), -ENOTDIR);
	assert_string_equal(
		err.text,
		"something stands at '/file' that is no directory: move it away");
	places_done(&places);
}

/* With /home/deploy/apps -> /etc root would make /etc/NAME, and give it away. */
static void link_on_the_way_is_refused(void **state)
{
	const struct scratch *scratch = *state;
	struct places places = open_places(scratch);
	struct error err = { 0 };

	assert_int_equal(mkdirat(scratch->fd, "target", 0755), 0);
	assert_int_equal(symlinkat("/target", scratch->fd, "parent"), 0);
	assert_int_equal(make(&places, "/parent/api", 0755, &other, &err), -ENOTDIR);
	assert_string_equal(err.text,
			    "the path '/parent' leads through a link or a "
			    "file: name the real directory");
	assert_int_equal(faccessat(scratch->fd, "target/api", F_OK, 0), -1);
	places_done(&places);
}

/* A tree that Capistrano made in the user's home: root makes nothing there. */
static void present_one_may_lie_anywhere(void **state)
{
	const struct scratch *scratch = *state;
	struct places places = open_places(scratch);
	struct error err = { 0 };

	assert_int_equal(mkdirat(scratch->fd, "home", 0777), 0);
	assert_int_equal(fchmodat(scratch->fd, "home", 0777, 0), 0);
	assert_int_equal(mkdirat(scratch->fd, "home/api", 0755), 0);
	if (is_root())
		assert_int_equal(fchownat(scratch->fd, "home/api", 5, 60, 0), 0);
	assert_int_equal(make(&places, "/home/api", 0755, &other, &err), 0);
	places_done(&places);
}

static void path_of_a_descriptor(void **state)
{
	const struct scratch *scratch = *state;
	autofree char *path = NULL;
	struct error err = { 0 };

	assert_int_equal(places_path_of(scratch->fd, &path, &err), 0);
	assert_string_equal(path, scratch->path);
	free(TAKE(path));
	assert_int_equal(places_path_of(987654, &path, &err), -ENOENT);
	assert_null(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(own_directories_are_made),
		scratch_test(reader_makes_nothing),
		scratch_test(root_that_is_no_directory_is_refused),
		scratch_test(paths_stay_inside_the_root),
		scratch_test(new_directory_is_given_away),
		scratch_test(existing_one_of_the_right_owner_is_left_alone),
		scratch_test(one_of_another_owner_is_refused),
		scratch_test(half_made_directory_is_finished),
		scratch_test(private_directory_with_contents_is_not_half_made),
		scratch_test(parent_that_others_change_is_refused),
		scratch_test(link_in_the_place_is_refused),
		scratch_test(link_on_the_way_is_refused),
		scratch_test(present_one_may_lie_anywhere),
		scratch_test(path_of_a_descriptor),
	};

	return cmocka_run_group_tests_name("state_places", tests, NULL, NULL);
}
