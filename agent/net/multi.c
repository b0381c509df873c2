/* SPDX-License-Identifier: MIT */
#include "net/multi.h"

#include "base/clock.h"
#include "base/error.h"
#include "loop/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

/*
 * The glue between curl_multi_socket_action() and sd-event: one event source a socket,
 * kept at the socket by curl_multi_assign(), and one timer. Knows nothing of requests;
 * net/http.c gives transfers their meaning.
 */

static void tell_ended(struct multi *multi)
{
	CURLMsg *message;
	int left;

	/* on_done may add and remove handles: ask anew after each. */
	while ((message = curl_multi_info_read(multi->handle, &left))) {
		CURL *easy = message->easy_handle;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void)curl_multi_remove_handle(multi->handle, easy);
		multi->on_done(easy, code, multi->userdata);
	}
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct multi *multi = userdata;
	int action = 0, running;

	(void)source;
	if (events & EPOLLIN)
		action |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		action |= CURL_CSELECT_OUT;
	if (events & (EPOLLERR | EPOLLHUP))
		action |= CURL_CSELECT_ERR;
	(void)curl_multi_socket_action(multi->handle, fd, action, &running);
	tell_ended(multi);
	return 0;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct multi *multi = userdata;
	int running;

	(void)source;
	(void)usec;
	(void)curl_multi_socket_action(multi->handle, CURL_SOCKET_TIMEOUT, 0, &running);
	tell_ended(multi);
	return 0;
}

static int set_timer(CURLM *handle, long timeout_ms, void *userdata)
{
	struct multi *multi = userdata;
	uint64_t at_us;

	(void)handle;
	if (timeout_ms < 0)
		return sd_event_source_set_enabled(multi->timer, SD_EVENT_OFF) < 0 ? -1
										   : 0;
	/* A due time in the past fires in the next iteration. */
	at_us = (uint64_t)(clock_monotonic_ms() + timeout_ms) * 1000;
	if (sd_event_source_set_time(multi->timer, at_us) < 0)
		return -1;
	return sd_event_source_set_enabled(multi->timer, SD_EVENT_ONESHOT) < 0 ? -1 : 0;
}

static uint32_t wanted_events(int what)
{
	uint32_t events = 0;

	if (what & CURL_POLL_IN)
		events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		events |= EPOLLOUT;
	return events;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *userdata,
		      void *socket_data)
{
	struct multi *multi = userdata;
	sd_event_source *source = socket_data;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		(void)sd_event_source_disable_unref(source);
		(void)curl_multi_assign(multi->handle, fd, NULL);
		return 0;
	}
	if (source)
		return sd_event_source_set_io_events(source, wanted_events(what)) < 0 ? -1
										      : 0;
	if (sd_event_add_io(multi->event, &source, fd, wanted_events(what), on_io,
			    multi) < 0)
		return -1;
	return curl_multi_assign(multi->handle, fd, source) == CURLM_OK ? 0 : -1;
}

int multi_init(struct multi *multi, struct loop *loop,
	       void (*on_done)(CURL *easy, CURLcode code, void *userdata), void *userdata,
	       struct error *err)
{
	int result;

	*multi = (struct multi){ .event = loop->event,
				 .on_done = on_done,
				 .userdata = userdata };
	/* Accuracy 0 would mean 250 ms. */
	result = sd_event_add_time(loop->event, &multi->timer, CLOCK_MONOTONIC, 0, 1,
				   on_time, multi);
	if (result >= 0)
		result = sd_event_source_set_enabled(multi->timer, SD_EVENT_OFF);
	if (result < 0) {
		multi_done(multi);
		return error_set(err, result, "make the transfer timer: %s",
				 strerror(-result));
	}
	multi->handle = curl_multi_init();
	if (!multi->handle) {
		multi_done(multi);
		return error_set(err, ENOMEM, "libcurl cannot start");
	}
	(void)curl_multi_setopt(multi->handle, CURLMOPT_SOCKETFUNCTION, set_socket);
	(void)curl_multi_setopt(multi->handle, CURLMOPT_SOCKETDATA, multi);
	(void)curl_multi_setopt(multi->handle, CURLMOPT_TIMERFUNCTION, set_timer);
	(void)curl_multi_setopt(multi->handle, CURLMOPT_TIMERDATA, multi);
	return 0;
}

void multi_done(struct multi *multi)
{
	if (multi->handle)
		(void)curl_multi_cleanup(multi->handle);
	multi->timer = sd_event_source_disable_unref(multi->timer);
	multi->handle = NULL;
}
