/* SPDX-License-Identifier: MIT */
#include "userdata/userdata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "metadata/imds.h"
#include "net/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* User data is asked for once a boot, and is root's alone. */

#define TOKEN                                                 \
	{                                                     \
		.request = "PUT ", .status = 200, .body = "t" \
	}
#define PATH "GET /latest/user-data "

static char directory[] = "/tmp/test-userdata.XXXXXX";

static int setup(void **state)
{
	memcpy(directory + strlen(directory) - 6, "XXXXXX", 6);
	return mkdtemp(directory) ? net_setup(state) : -1;
}

static int teardown(void **state)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)unlinkat(fd, "user-data", 0);
	(void)close(fd);
	(void)rmdir(directory);
	return net_teardown(state);
}

static int fetch(struct net_fixture *net, const char *boot_id,
		 struct userdata *ret_userdata, struct error *err)
{
	struct userdata_place place = {
		open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), boot_id
	};
	struct imds imds;
	int result;

	assert_int_equal(setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", net->canned.url, 1),
			 0);
	assert_int_equal(imds_init(&imds, &net->loop, net->http, err), 0);
	result = userdata_fetch(&imds, &place, deadline_in(1000), ret_userdata, err);
	imds_done(&imds);
	(void)close(place.run_fd);
	return result;
}

static void it_is_fetched_once_a_boot(void **state)
{
	static const struct canned_reply replies[] = {
		TOKEN,
		{ .request = PATH, .times = 1, .status = 503 },
		{ .request = PATH,
		  .times = 1,
		  .status = 200,
		  .body = "\x1f\x8b\0x",
		  .body_length_bytes = 4 },
		{ .request = PATH, .status = 200, .body = "another boot's" },
		{ 0 },
	};
	struct net_fixture *net = *state;
	struct userdata userdata = { 0 };
	struct error err = { 0 };
	struct stat status;
	char path[64];

	assert_int_equal(canned_start(&net->canned, replies), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fetch(net, "boot-1", &userdata, &err), 0);
		assert_int_equal(userdata.length_bytes, 4);
		assert_memory_equal(userdata.data, "\x1f\x8b\0x", 5);
		userdata_done(&userdata);
	}
	assert_int_equal(canned_count(&net->canned, PATH), 2);
	(void)snprintf(path, sizeof(path), "%s/user-data", directory);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	/* what another boot left is not ours */
	assert_int_equal(fetch(net, "boot-2", &userdata, &err), 0);
	assert_string_equal(userdata.data, "another boot's");
	userdata_done(&userdata);
	userdata_done(&userdata);
}

static void none_is_remembered_too(void **state)
{
	static const struct canned_reply replies[] = {
		TOKEN,
		{ .request = PATH, .status = 404 },
		{ 0 },
	};
	struct net_fixture *net = *state;
	struct userdata userdata = { 0 };
	struct error err = { 0 };

	assert_int_equal(canned_start(&net->canned, replies), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fetch(net, "boot-1", &userdata, &err), 0);
		assert_null(userdata.data);
		assert_int_equal(userdata.length_bytes, 0);
	}
	assert_int_equal(canned_count(&net->canned, PATH), 1);
}

static void disabled_service_has_none(void **state)
{
	static const struct canned_reply replies[] = { { 0 } };
	struct net_fixture *net = *state;
	struct userdata userdata = { 0 };
	struct error err = { 0 };

	assert_int_equal(canned_start(&net->canned, replies), 0);
	assert_int_equal(setenv("AWS_EC2_METADATA_DISABLED", "true", 1), 0);
	assert_int_equal(fetch(net, "boot-1", &userdata, &err), 0);
	assert_int_equal(unsetenv("AWS_EC2_METADATA_DISABLED"), 0);
	assert_null(userdata.data);
	assert_int_equal(strlen(canned_requests(&net->canned)), 0);
}

static void too_much_is_refused_at_once(void **state)
{
	static char large[USERDATA_MAX_BYTES + 2];
	const struct canned_reply replies[] = {
		TOKEN,
		{ .request = PATH, .status = 200, .body = large },
		{ 0 },
	};
	struct net_fixture *net = *state;
	struct userdata userdata = { 0 };
	struct error err = { 0 };

	memset(large, 'x', USERDATA_MAX_BYTES + 1);
	assert_int_equal(canned_start(&net->canned, replies), 0);
	assert_int_equal(fetch(net, "boot-1", &userdata, &err), -EFBIG);
	assert_string_equal(err.text,
			    "ask the metadata service for 'user-data': the answer is "
			    "larger than 16384 bytes");
	assert_null(userdata.data);
	assert_int_equal(canned_count(&net->canned, PATH), 1);
}

#define userdata_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		userdata_test(it_is_fetched_once_a_boot),
		userdata_test(none_is_remembered_too),
		userdata_test(disabled_service_has_none),
		userdata_test(too_much_is_refused_at_once),
	};

	return cmocka_run_group_tests_name("userdata_fetch", tests, NULL, NULL);
}
