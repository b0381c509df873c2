/* SPDX-License-Identifier: MIT */
#include "aws/skew.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "net/retry.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

/*
 * A fresh machine's clock may be minutes off until chrony has set it, and AWS refuses a
 * signature that is five minutes old. libcurl's signer cannot be given another time, so
 * the clock is waited for. AWS's time goes on with CLOCK_MONOTONIC from the reply's Date:
 * when CLOCK_REALTIME comes near it the clock was set. The Date may be wrong itself (a
 * proxy's), so from time to time AWS is asked anyway.
 */

/* AWS tolerates five minutes; near enough leaves room for the way. */
#define NEAR_MS INT64_C(60000)
/* 9999-12-31T23:59:59Z: more is no date of HTTP's, and too much for milliseconds. */
#define DATE_MAX_S INT64_C(253402300799)
#define FIRST_PAUSE_MS 2000
#define PAUSE_CAP_MS 30000

bool skew_is_meant(const char *code, const char *message)
{
	if (strcmp(code, "RequestTimeTooSkewed") == 0 ||
	    strcmp(code, "RequestExpired") == 0 ||
	    strcmp(code, "RequestInTheFuture") == 0)
		return true;
	return message &&
		(strcmp(code, "SignatureDoesNotMatch") == 0 ||
		 strcmp(code, "InvalidSignatureException") == 0) &&
		(strstr(message, "Signature expired") ||
		 strstr(message, "Signature not yet current"));
}

static int64_t aws_ahead_ms(const struct skew *skew)
{
	return skew->aws_ahead_of_monotonic_ms + clock_monotonic_ms() -
		clock_realtime_ms();
}

void skew_note(struct skew *skew, const char *date)
{
	int64_t seconds = date ? curl_getdate(date, NULL) : -1;
	int64_t now_ms = clock_monotonic_ms();

	skew->pause_ms = skew->pause_ms ? skew->pause_ms * 2 : FIRST_PAUSE_MS;
	if (skew->pause_ms > PAUSE_CAP_MS)
		skew->pause_ms = PAUSE_CAP_MS;
	skew->ask_again_ms = now_ms + skew->pause_ms;
	skew->is_known = seconds > 0 && seconds <= DATE_MAX_S;
	skew->aws_ahead_of_monotonic_ms = skew->is_known ? seconds * 1000 - now_ms : 0;
}

bool skew_is_over(const struct skew *skew)
{
	int64_t ahead_ms = aws_ahead_ms(skew);

	if (clock_monotonic_ms() >= skew->ask_again_ms)
		return true;
	return skew->is_known && ahead_ms < NEAR_MS && ahead_ms > -NEAR_MS;
}

void skew_format(const struct skew *skew, char ret_text[static SKEW_TEXT_BYTES])
{
	int64_t ahead_ms = aws_ahead_ms(skew);
	int64_t off_s = ((ahead_ms < 0 ? -ahead_ms : ahead_ms) + 500) / 1000;
	const char *where = ahead_ms < 0 ? "ahead of" : "behind";

	if (!skew->is_known)
		(void)snprintf(ret_text, SKEW_TEXT_BYTES, "far from AWS's");
	else if (off_s >= 3600)
		(void)snprintf(ret_text, SKEW_TEXT_BYTES, "%lld h %lld min %s AWS's",
			       (long long)off_s / 3600, (long long)off_s / 60 % 60,
			       where);
	else
		(void)snprintf(ret_text, SKEW_TEXT_BYTES, "%lld min %lld s %s AWS's",
			       (long long)off_s / 60, (long long)off_s % 60, where);
}

void skew_tell(struct skew *skew, const struct retry_listener *listener, bool is_over)
{
	char text[SKEW_TEXT_BYTES];
	autofree char *line = NULL;

	if (!listener->tell || skew->is_told != is_over)
		return;
	skew->is_told = !is_over;
	skew_format(skew, text);
	line = is_over ? text_copy("AWS accepts the clock: going on")
		       : text_format("the clock is %s: waiting for it to be set", text);
	listener->tell(listener->userdata, line);
}
