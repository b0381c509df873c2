/* SPDX-License-Identifier: MIT */
#include "ready/ready.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "net/http.h"
#include "net/retry.h"
#include "ready/answer.h"
#include "ready/watch.h"
#include "release/release_types.h"
#include "run/run.h"

#include <errno.h>
#include <string.h>

/*
 * The proof. An answer is good if its status is the expected one and it is the new code
 * that answered: where readiness.revision_header is set, it carries the release's
 * revision; else, where readiness.unit is, no worker of that unit is left from before.
 * Old workers that outlive a reload prove nothing (facts R11). A failed probe is no
 * error; the last one is the reason when the time is over.
 */

#define PROBE_TIMEOUT_MS 5000
#define PROBE_CONNECT_TIMEOUT_MS 2000
/* One that has less time than this, because the wait is about to end, tells nothing. */
#define PROBE_TELLING_MS 1000
#define PROBE_REPLY_MAX_BYTES (1024 * 1024)

/* A proof under way. */
struct proof {
	struct run *run;
	struct deadline deadline;
	struct watch watch;
	int64_t wanted, good, tries;
	struct error reason; /* of the last probe that had its time; code 0: none yet */
};

/* The caller frees the array, whose texts but the first are the configuration's. */
static const char **make_headers(const struct config *config, const char *host)
{
	const struct config_texts *given = &config->readiness.headers;
	const char **headers = memory_new(given->count + 2, sizeof(*headers));
	size_t count = 0;

	if (host)
		headers[count++] = host;
	for (size_t i = 0; i < given->count; i++)
		headers[count++] = given->items[i];
	return headers;
}

static int ask(struct run *run, const struct answer_wanted *wanted, struct error *err)
{
	autofree char *host = wanted->host ? text_format("Host: %s", wanted->host) : NULL;
	autofree const char **headers = make_headers(run->config, host);
	const struct http_request request = {
		.url = wanted->url,
		.headers = headers,
		.connect_timeout_ms = PROBE_CONNECT_TIMEOUT_MS,
		.deadline = deadline_in(wanted->timeout_ms),
		.reply_max_bytes = PROBE_REPLY_MAX_BYTES,
		.bypasses_proxy = true,
	};
	autotransfer struct http_transfer *transfer = NULL;
	const struct http_reply *reply = NULL;
	int result = http_perform(run->http, &request, &transfer, err);

	if (result < 0)
		return result;
	if (http_transfer_result(transfer, &reply, err) < 0)
		return answer_explain(wanted, transfer, err);
	return answer_judge(wanted, transfer, reply, err);
}

static int probe(struct proof *proof, struct error *err)
{
	struct run *run = proof->run;
	const struct config *config = run->config;
	int64_t left_ms = deadline_left_ms(proof->deadline);
	const struct answer_wanted wanted = {
		.url = config->readiness.url,
		.host = config->readiness.host,
		.revision_header = config->readiness.revision_header,
		.revision = run->release->revision,
		.secrets = run->secrets,
		.status = config->readiness.expected_status,
		.timeout_ms = left_ms < PROBE_TIMEOUT_MS ? left_ms : PROBE_TIMEOUT_MS,
	};

	int result = ask(run, &wanted, err);

	if (result == -ETIMEDOUT && left_ms < PROBE_TELLING_MS && proof->reason.code)
		*err = proof->reason;
	return result;
}

/*
 * What a step has restarted may give one answer and end: so in every boot that has such a
 * step, and when taking back. Where there is none, nothing was restarted.
 */
static int64_t wanted_answers(const struct run *run)
{
	if (run->release->activated_ms == 0 ||
	    !config_has_steps(run->config, STEP_AFTER_PUBLISH))
		return 1;
	return run->config->readiness.healthy_threshold;
}

/* Whatever it is that fails, the application may only need more time. */
static const struct retry_rule probe_rules[] = {
	{ -ECANCELED, RETRY_PERMANENT },
	{ -ESRCH, RETRY_PERMANENT },
	{ 0, RETRY_TRANSIENT },
};

/*
 * The processes are looked at before they are asked: one that is gone when they are
 * looked at may have given the answer before it went.
 */
static int look_and_probe(struct proof *proof, struct error *err)
{
	struct error doubt = { 0 };
	int looked = watch_look(&proof->watch, &doubt), result;

	if (looked == -ESRCH) {
		*err = doubt;
		return looked;
	}
	result = probe(proof, err);
	if (result == 0 && looked < 0) {
		*err = doubt;
		return looked;
	}
	return result;
}

static int try_once(void *userdata, struct retry_hint *ret_hint, struct error *err)
{
	struct proof *proof = userdata;
	int result;

	(void)ret_hint;
	*err = (struct error){ 0 };
	result = look_and_probe(proof, err);
	if (result == -ECANCELED || result == -ESRCH)
		return result;
	proof->tries++;
	proof->good = result == 0 ? proof->good + 1 : 0;
	if (result < 0)
		proof->reason = *err;
	if (proof->good >= proof->wanted)
		return 0;
	if (result == 0)
		return error_set(err, EAGAIN, "it answered %lld of %lld times in a row",
				 (long long)proof->good, (long long)proof->wanted);
	report_progress(&proof->run->report, proof->run->stage, err->text);
	return err->code;
}

static int prove(struct proof *proof, struct error *err)
{
	struct run *run = proof->run;
	const struct config *config = run->config;
	const struct retry_plan plan = {
		.loop = &run->loop,
		.what = config->readiness.url,
		.rules = probe_rules,
		.first_ms = config->readiness.interval_ms,
		.is_steady = true,
		.deadline = proof->deadline,
		.userdata = proof,
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
	run_detail(run, "answered, %lld of %lld probe%s", (long long)proof->good,
		   (long long)proof->tries, proof->tries == 1 ? "" : "s");
	return 0;
}

int ready_stage(struct run *run, struct error *err)
{
	struct proof proof = {
		.run = run,
		.deadline =
			deadline_sooner(deadline_in(run->config->readiness.timeout_ms),
					run->deadline),
		.wanted = wanted_answers(run),
	};
	int result = watch_init(&proof.watch, run, err);

	if (result == 0)
		result = prove(&proof, err);
	watch_done(&proof.watch);
	return result;
}
