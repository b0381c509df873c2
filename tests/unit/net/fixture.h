/* SPDX-License-Identifier: MIT */
#ifndef TESTS_NET_FIXTURE_H
#define TESTS_NET_FIXTURE_H

#include "base/error.h"
#include "loop/fixture.h"
#include "loop/loop.h"
#include "net/canned.h"
#include "net/http.h"

#include <stdlib.h>

/* Loop, client and, once a test started it, a server. */
struct net_fixture {
	struct loop loop;
	struct http *http;
	struct canned canned;
	int fd_count;
};

static inline int net_setup(void **state)
{
	struct net_fixture *net = calloc(1, sizeof(*net));
	struct error err;

	if (!net)
		return -1;
	*state = net;
	(void)unsetenv("http_proxy");
	net->fd_count = fixture_count_fds();
	if (loop_init(&net->loop, &err) < 0)
		return -1;
	return http_new(&net->loop, &net->http, &err);
}

static inline int net_teardown(void **state)
{
	struct net_fixture *net = *state;
	int expected = net->fd_count, found;

	canned_stop(&net->canned);
	http_free(net->http);
	loop_done(&net->loop);
	free(net);
	found = fixture_count_fds();
	if (found == expected)
		return 0;
	(void)fprintf(stderr, "%d descriptors before the test, %d after\n", expected,
		      found);
	return -1;
}

#define net_test(test) cmocka_unit_test_setup_teardown(test, net_setup, net_teardown)

#endif
