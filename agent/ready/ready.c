/* SPDX-License-Identifier: MIT */
#include "ready/ready.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "net/http.h"
#include "release/release_types.h"
#include "run/run.h"

#include <errno.h>
#include <string.h>

/*
 * The proof. An answer is good if its status is the expected one and, where
 * readiness.revision_header is set, it carries the release's revision: old workers that
 * outlive a reload prove nothing (facts R11). A failed probe is no error; the last one is
 * the reason when the time is over.
 */

#define PROBE_TIMEOUT_MS 5000
#define PROBE_CONNECT_TIMEOUT_MS 2000
#define PROBE_REPLY_MAX_BYTES (1024 * 1024)

static int judge(const struct config *config, const char *revision,
		 const struct http_reply *reply, struct error *err)
{
	const char *header = config->readiness.revision_header;

	if (reply->status != config->readiness.expected_status)
		return error_set(err, EPROTO, "it answered %ld, not %lld", reply->status,
				 (long long)config->readiness.expected_status);
	if (!header || text_is_equal(reply->header, revision))
		return 0;
	if (!reply->header)
		return error_set(err, EPROTO, "its answer has no header %s", header);
	return error_set(err, ESTALE, "it answered with the code of %.12s, not %.12s",
			 reply->header, revision);
}

static int probe(struct run *run, struct deadline deadline, struct error *err)
{
	const struct config *config = run->config;
	autofree char *host = config->readiness.host
		? text_format("Host: %s", config->readiness.host)
		: NULL;
	const char *const headers[] = { host, NULL };
	const struct http_request request = {
		.url = config->readiness.url,
		.headers = headers,
		.connect_timeout_ms = PROBE_CONNECT_TIMEOUT_MS,
		.deadline = deadline_sooner(deadline, deadline_in(PROBE_TIMEOUT_MS)),
		.reply_max_bytes = PROBE_REPLY_MAX_BYTES,
		.bypasses_proxy = true,
		.wanted_header = config->readiness.revision_header,
	};
	autotransfer struct http_transfer *transfer = NULL;
	const struct http_reply *reply = NULL;
	int result = http_perform(run->http, &request, &transfer, err);

	if (result < 0)
		return result;
	result = http_transfer_result(transfer, &reply, err);
	if (result < 0)
		return result;
	return judge(config, run->release->revision, reply, err);
}

/*
 * Nothing was restarted when the release is served already and no step could have done
 * it.
 */
static int64_t wanted_answers(const struct run *run)
{
	bool is_untouched = run->release->is_served && !run->is_boot;

	if (is_untouched || !config_has_steps(run->config, STEP_AFTER_PUBLISH))
		return 1;
	return run->config->readiness.healthy_threshold;
}

/* Between probes: the interval, or the reason why there is no next one. */
static int wait_interval(struct run *run, struct deadline deadline, struct error *err)
{
	struct error pause_error;
	int64_t interval_ms = run->config->readiness.interval_ms;
	int result;

	if (deadline_left_ms(deadline) <= interval_ms)
		return error_set(err, ETIMEDOUT, "%s was not ready in time",
				 run->config->readiness.url);
	result = loop_pause(&run->loop, interval_ms, &pause_error);
	if (result < 0)
		*err = pause_error;
	return result;
}

int ready_stage(struct run *run, struct error *err)
{
	struct deadline deadline =
		deadline_sooner(deadline_in(run->config->readiness.timeout_ms),
				run->deadline);
	int64_t wanted = wanted_answers(run), good = 0, tries = 0;

	for (;;) {
		struct error reason = { 0 };
		int result = probe(run, deadline, &reason);

		if (result == -ECANCELED) {
			*err = reason;
			return result;
		}
		tries++;
		good = result == 0 ? good + 1 : 0;
		if (good >= wanted)
			break;
		if (result < 0)
			report_progress(&run->report, run->stage, reason.text);
		result = wait_interval(run, deadline, err);
		if (result == -ETIMEDOUT && reason.code)
			return error_set(err, ETIMEDOUT, "%s was not ready in time: %s",
					 run->config->readiness.url, reason.text);
		if (result < 0)
			return result;
	}
	run_detail(run, "answered, %lld of %lld probe%s", (long long)good,
		   (long long)tries, tries == 1 ? "" : "s");
	return 0;
}
