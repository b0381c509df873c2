/* SPDX-License-Identifier: MIT */
#ifndef NET_MULTI_H
#define NET_MULTI_H

#include <curl/curl.h>
#include <systemd/sd-event.h>

struct error;
struct loop;

/* libcurl's multi handle, driven by the event loop. */
struct multi {
	CURLM *handle;
	sd_event *event; /* the loop's */
	sd_event_source *timer;
	void (*on_done)(CURL *easy, CURLcode code, void *userdata);
	void *userdata;
};

/*
 * Makes the handle; `on_done` is called from the loop for each easy handle that has
 * ended, already taken out of the multi handle. Call multi_done() when no easy handle is
 * left in it.
 */
int multi_init(struct multi *multi, struct loop *loop,
	       void (*on_done)(CURL *easy, CURLcode code, void *userdata), void *userdata,
	       struct error *err) __attribute__((warn_unused_result));

void multi_done(struct multi *multi);

#endif
