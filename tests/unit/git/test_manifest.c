/* SPDX-License-Identifier: MIT */
#include "git/manifest.h"

#include "base/error.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* What is written is read again; what is cut or damaged anywhere is none. */

#define REVISION "0123456789012345678901234567890123456789"
#define NAME "20261124083950"
#define MANIFEST_MAX_BYTES 4096

struct ground {
	char path[32];
	int fd;
};

static const struct stat left = {
	.st_mode = S_IFREG | 0644,
	.st_size = 12,
	.st_ino = 345,
	.st_mtim = { 1700000000, 5 },
	.st_ctim = { 1700000001, 6 },
};

static int set_up(void **state)
{
	static struct ground ground;
	struct manifest_maker maker;
	struct error err;
	git_oid id;

	strcpy(ground.path, "/tmp/test-manifest.XXXXXX");
	if (!mkdtemp(ground.path))
		return -1;
	ground.fd = open(ground.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ground.fd < 0 || git_oid_fromstr(&id, REVISION) < 0)
		return -1;
	manifest_begin(&maker, REVISION);
	manifest_add(&maker, "a", &id, &left);
	manifest_add(&maker, "b/new\nline and blank", &id, &left);
	manifest_add(&maker, "c", &id, &left);
	*state = &ground;
	return manifest_save(&maker, ground.fd, NAME, &err);
}

static int tear_down(void **state)
{
	const struct ground *ground = *state;

	(void)unlinkat(ground->fd, NAME, 0);
	(void)close(ground->fd);
	return rmdir(ground->path);
}

static void test_seek(void **state)
{
	const struct ground *ground = *state;
	const struct manifest_entry *entry;
	struct manifest manifest;

	assert_true(manifest_load(&manifest, ground->fd, NAME, REVISION));
	assert_null(manifest_seek(&manifest, "A"));
	assert_non_null(manifest_seek(&manifest, "a"));
	assert_null(manifest_seek(&manifest, "a.b"));
	entry = manifest_seek(&manifest, "b/new\nline and blank");
	assert_non_null(entry);
	assert_true(manifest_is_same(entry, &left, true));
	assert_null(manifest_seek(&manifest, "d"));
	manifest_done(&manifest);
	assert_false(manifest_load(&manifest, ground->fd, NAME, "1" REVISION));
	manifest_done(&manifest);
}

static void test_what_is_not_the_same(void **state)
{
	const struct ground *ground = *state;
	const struct manifest_entry *entry;
	struct manifest manifest;
	struct stat other = left;

	assert_true(manifest_load(&manifest, ground->fd, NAME, REVISION));
	entry = manifest_seek(&manifest, "a");
	other.st_ctim.tv_nsec++;
	assert_false(manifest_is_same(entry, &other, true));
	assert_true(manifest_is_same(entry, &other, false));
	other.st_mtim.tv_nsec++;
	assert_false(manifest_is_same(entry, &other, false));
	other = left;
	other.st_size++;
	assert_false(manifest_is_same(entry, &other, false));
	other = left;
	other.st_ino++;
	assert_false(manifest_is_same(entry, &other, false));
	other = left;
	other.st_mode = S_IFIFO | 0644;
	assert_false(manifest_is_same(entry, &other, false));
	manifest_done(&manifest);
}

/* Every beginning of a manifest is none. */
static void test_cut_anywhere(void **state)
{
	const struct ground *ground = *state;
	char data[MANIFEST_MAX_BYTES];
	int fd = openat(ground->fd, NAME, O_RDWR | O_CLOEXEC);
	ssize_t length = read(fd, data, sizeof(data));

	assert_true(length > 0 && length < (ssize_t)sizeof(data));
	for (off_t cut = length - 1; cut >= 0; cut--) {
		struct manifest manifest;

		assert_int_equal(ftruncate(fd, cut), 0);
		assert_false(manifest_load(&manifest, ground->fd, NAME, REVISION));
		manifest_done(&manifest);
	}
	(void)close(fd);
}

/* Any byte may be any other: what is read then is an entry or none, never too far. */
static void test_damaged_anywhere(void **state)
{
	const struct ground *ground = *state;
	int fd = openat(ground->fd, NAME, O_RDWR | O_CLOEXEC);
	char byte;

	for (off_t place = 0; pread(fd, &byte, 1, place) == 1; place++) {
		struct manifest manifest;
		char other = (char)(byte ^ 0x15);

		assert_int_equal(pwrite(fd, &other, 1, place), 1);
		if (manifest_load(&manifest, ground->fd, NAME, REVISION))
			assert_null(manifest_seek(&manifest, "z"));
		manifest_done(&manifest);
		assert_int_equal(pwrite(fd, &byte, 1, place), 1);
	}
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_seek, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_not_the_same, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_cut_anywhere, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged_anywhere, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
