/* SPDX-License-Identifier: MIT */
#include "ready/ready.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "net/http.h"
#include "net/retry.h"
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

/* A proof under way. */
struct proof {
	struct run *run;
	struct deadline deadline;
	int64_t wanted, good, tries;
};

/* Whatever it is that fails, the application may only need more time. */
static const struct retry_rule probe_rules[] = {
	{ -ECANCELED, RETRY_PERMANENT },
	{ 0, RETRY_TRANSIENT },
};

static int try_once(void *userdata, struct retry_hint *ret_hint, struct error *err)
{
	struct proof *proof = userdata;
	int result;

	(void)ret_hint;
	*err = (struct error){ 0 };
	result = probe(proof->run, proof->deadline, err);
	if (result == -ECANCELED)
		return result;
	proof->tries++;
	proof->good = result == 0 ? proof->good + 1 : 0;
	if (proof->good >= proof->wanted)
		return 0;
	if (result < 0)
		report_progress(&proof->run->report, proof->run->stage, err->text);
	else
		err->code = -EAGAIN;
	return err->code;
}

int ready_stage(struct run *run, struct error *err)
{
	const struct config *config = run->config;
	struct proof proof = {
		.run = run,
		.deadline = deadline_sooner(deadline_in(config->readiness.timeout_ms),
					    run->deadline),
		.wanted = wanted_answers(run),
	};
	const struct retry_plan plan = {
		.loop = &run->loop,
		.what = config->readiness.url,
		.rules = probe_rules,
		.first_ms = config->readiness.interval_ms,
		.is_steady = true,
		.deadline = proof.deadline,
		.userdata = &proof,
	};
	struct error reason = { 0 };
	int result = retry_run(&plan, try_once, &reason);

	if (result == -ETIME)
		return error_set(err, ETIMEDOUT, "%s was not ready in time%s%s",
				 config->readiness.url, *reason.text ? ": " : "",
				 reason.text);
	if (result < 0) {
		*err = reason;
		return result;
	}
	run_detail(run, "answered, %lld of %lld probe%s", (long long)proof.good,
		   (long long)proof.tries, proof.tries == 1 ? "" : "s");
	return 0;
}
