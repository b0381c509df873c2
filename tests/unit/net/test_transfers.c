/* SPDX-License-Identifier: MIT */
#include "net/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/text.h"
#include "net/fixture.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>

/* Several transfers at a time, given up at any moment, and a name server that is slow. */

#define SLOW_NAME "slow.invalid"
#define SLOW_NAME_MS 300

static const struct canned_reply replies[] = {
	{ .request = "GET /a ", .status = 200, .body = "a" },
	{ .request = "GET /b ", .status = 200, .body = "b" },
	{ .request = "GET /silent ", .is_silent = true },
	{ 0 },
};

static atomic_int slow_look_ups;

/*
 * Takes libc's place for libcurl, whose threads call it. A name server that does not
 * answer looks like this to them.
 */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
		struct addrinfo **results)
{
	(void)service;
	(void)hints;
	*results = NULL;
	if (name && strcmp(name, SLOW_NAME) == 0) {
		(void)poll(NULL, 0, SLOW_NAME_MS);
		atomic_fetch_sub(&slow_look_ups, 1);
	}
	return EAI_NONAME;
}

/* What on_done was told. */
struct heard {
	int count;
	bool frees;
	struct http_transfer **other; /* freed too, if there is one */
};

static void on_done(struct http_transfer *transfer, void *userdata)
{
	struct heard *heard = userdata;

	assert_true(http_transfer_is_done(transfer));
	heard->count++;
	if (heard->frees)
		http_transfer_free(transfer);
	if (heard->other)
		http_transfer_free(TAKE(*heard->other));
}

static struct http_transfer *start(struct net_fixture *net, const char *path,
				   struct heard *heard)
{
	struct http_request request = { .connect_timeout_ms = 1000,
					.deadline = deadline_in(5000),
					.reply_max_bytes = 64 };
	struct http_transfer *transfer = NULL;
	autofree char *url = NULL;
	struct error err = { 0 };

	if (!net->canned.pid)
		assert_int_equal(canned_start(&net->canned, replies), 0);
	url = text_format("%s%s", net->canned.url, path);
	request.url = url;
	assert_int_equal(http_start(net->http, &request, heard ? on_done : NULL, heard,
				    &transfer, &err),
			 0);
	return transfer;
}

static void two_go_at_the_same_time(void **state)
{
	struct net_fixture *net = *state;
	struct heard heard = { 0 };
	struct http_transfer *silent = start(net, "/silent", &heard);
	autotransfer struct http_transfer *a = start(net, "/a", &heard);
	autotransfer struct http_transfer *b = start(net, "/b", NULL);
	const struct http_reply *reply = NULL;
	struct error err = { 0 };

	assert_int_equal(loop_wait(&net->loop, http_transfer_is_done, a,
				   deadline_in(5000), &err),
			 0);
	assert_int_equal(loop_wait(&net->loop, http_transfer_is_done, b,
				   deadline_in(5000), &err),
			 0);
	assert_false(http_transfer_is_done(silent));
	assert_int_equal(heard.count, 1);
	assert_int_equal(http_transfer_result(a, &reply, &err), 0);
	assert_string_equal(reply->body, "a");
	assert_int_equal(http_transfer_result(b, &reply, &err), 0);
	assert_string_equal(reply->body, "b");
	http_transfer_free(silent);
	assert_int_equal(heard.count, 1);
}

static void transfer_can_be_given_up_at_any_time(void **state)
{
	struct net_fixture *net = *state;
	struct heard heard = { 0 };
	struct error err = { 0 };

	/* before anything moved, and while the server thinks */
	http_transfer_free(start(net, "/a", &heard));
	{
		struct http_transfer *silent = start(net, "/silent", &heard);

		assert_int_equal(loop_pause(&net->loop, 20, &err), 0);
		assert_int_equal(canned_count(&net->canned, "GET /silent"), 1);
		http_transfer_free(silent);
	}
	assert_int_equal(loop_pause(&net->loop, 10, &err), 0);
	assert_int_equal(heard.count, 0);
	http_transfer_free(NULL);
}

static bool is_heard(const void *data)
{
	return ((const struct heard *)data)->count > 0;
}

static void transfer_can_be_freed_when_it_ends(void **state)
{
	struct net_fixture *net = *state;
	struct heard heard = { .frees = true };
	struct error err = { 0 };

	(void)start(net, "/a", &heard);
	assert_int_equal(loop_wait(&net->loop, is_heard, &heard, deadline_in(5000), &err),
			 0);
	assert_int_equal(heard.count, 1);
}

static void end_of_one_may_free_another(void **state)
{
	struct net_fixture *net = *state;
	struct http_transfer *a = NULL, *b = NULL;
	struct heard heard_a = { .frees = true, .other = &b };
	struct heard heard_b = { .frees = true, .other = &a };
	struct error err = { 0 };

	a = start(net, "/a", &heard_a);
	b = start(net, "/b", &heard_b);
	/* whichever ends first takes the other along, though that may have ended too */
	assert_int_equal(loop_pause(&net->loop, 40, &err), 0);
	assert_int_equal(heard_a.count + heard_b.count, 1);
}

static void client_takes_its_transfers_along(void **state)
{
	struct net_fixture *net = *state;
	struct heard heard = { 0 };
	struct error err = { 0 };

	(void)start(net, "/silent", &heard);
	(void)start(net, "/a", &heard);
	assert_int_equal(loop_pause(&net->loop, 20, &err), 0);
	http_free(net->http);
	net->http = NULL;
	assert_int_equal(heard.count, 1);
	http_free(NULL);
}

static void connections_are_used_again(void **state)
{
	struct net_fixture *net = *state;
	struct error err = { 0 };
	int fd_count = 0;

	for (int i = 0; i < 5; i++) {
		autotransfer struct http_transfer *a = start(net, "/a", NULL);

		assert_int_equal(loop_wait(&net->loop, http_transfer_is_done, a,
					   deadline_in(5000), &err),
				 0);
		if (i == 0)
			fd_count = fixture_count_fds();
		assert_int_equal(fixture_count_fds(), fd_count);
	}
}

static struct http_transfer *start_slow(struct net_fixture *net, int64_t timeout_ms)
{
	const struct http_request request = { .url = "http://" SLOW_NAME "/",
					      .connect_timeout_ms = 2000,
					      .deadline = deadline_in(timeout_ms),
					      .reply_max_bytes = 64 };
	struct http_transfer *transfer = NULL;
	struct error err = { 0 };

	atomic_fetch_add(&slow_look_ups, 1);
	assert_int_equal(http_start(net->http, &request, NULL, NULL, &transfer, &err), 0);
	assert_int_equal(loop_pause(&net->loop, 20, &err), 0);
	return transfer;
}

static void let_look_ups_end(void)
{
	for (int i = 0; i < 100 && atomic_load(&slow_look_ups) > 0; i++)
		fixture_let_pass(10);
	/* and the thread after its last statement of ours */
	fixture_let_pass(20);
}

/* The supervisor never blocks: also not on a name server. */
static void slow_name_server_holds_up_nobody(void **state)
{
	struct net_fixture *net = *state;
	struct http_transfer *transfer = start_slow(net, 2000);
	struct error err = { 0 };
	int64_t begun_ms = clock_monotonic_ms();

	http_transfer_free(transfer);
	assert_in_range(clock_monotonic_ms() - begun_ms, 0, SLOW_NAME_MS / 2);
	transfer = start_slow(net, 40);
	begun_ms = clock_monotonic_ms();
	assert_int_equal(loop_wait(&net->loop, http_transfer_is_done, transfer,
				   deadline_in(2000), &err),
			 0);
	assert_in_range(clock_monotonic_ms() - begun_ms, 0, SLOW_NAME_MS / 2);
	http_transfer_free(transfer);
	let_look_ups_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(two_go_at_the_same_time),
		net_test(transfer_can_be_given_up_at_any_time),
		net_test(transfer_can_be_freed_when_it_ends),
		net_test(end_of_one_may_free_another),
		net_test(client_takes_its_transfers_along),
		net_test(connections_are_used_again),
		net_test(slow_name_server_holds_up_nobody),
	};

	return cmocka_run_group_tests_name("net_transfers", tests, NULL, NULL);
}
