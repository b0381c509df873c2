/* SPDX-License-Identifier: MIT */
#include "state/failures.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/*
 * Which revisions did not prove themselves (facts R3), each with the configuration it
 * failed with: another one may mend it. A bad one is left alone for a day: each further
 * try takes an application that works out of service for a moment, and within a day
 * somebody has pushed a fix or said --force. It is not for ever, since what stood in its
 * way may have been neither it nor its configuration (a secret, a migration). Where
 * nobody knows whose fault it was, the next try comes after a minute, then after twice as
 * long each time: a sync every minute must not run bundler every minute, and yet a gem
 * server that is back for an hour has been noticed.
 *
 * The times are the wall clock's, for they outlive the boot; a clock that was put back
 * before the failure makes it void.
 */

#define FAILURES_MAX 64
#define REASON_MAX_BYTES 200
#define COUNT_MAX 1000
#define BAD_MS INT64_C(86400000)
#define BAD_SPREAD_MS UINT64_C(21600000)
#define FIRST_RETRY_MS INT64_C(60000)
#define LAST_RETRY_MS INT64_C(3600000)

static const char *const cause_words[] = {
	"deadline", "config", "git", "step", "service", "probe", "machine", "signal",
};

static const char *cause_word(const char *text)
{
	for (size_t i = 0; i < ARRAY_COUNT(cause_words); i++)
		if (text_is_equal(cause_words[i], text))
			return cause_words[i];
	return NULL;
}

static char *copy_reason(const char *reason)
{
	char *copy = text_format("%.*s", REASON_MAX_BYTES, reason ? reason : "");

	/* Half a character at the cut, too. */
	text_make_printable(copy);
	return copy;
}

static void clear(struct failure *failure)
{
	free(failure->revision);
	free(failure->digest);
	free(failure->instance_id);
	free(failure->boot_id);
	free(failure->reason);
}

void failures_done(struct failures *failures)
{
	for (size_t i = 0; i < failures->count; i++)
		clear(&failures->items[i]);
	free(failures->items);
	*failures = (struct failures){ 0 };
}

static void take_out(struct failures *failures, size_t index)
{
	struct failure *place = &failures->items[index];

	clear(place);
	memmove(place, place + 1, (failures->count - index - 1) * sizeof(*place));
	failures->count--;
}

static struct failure *append(struct failures *failures, const struct failure_key *key)
{
	struct failure *added;

	if (failures->count == FAILURES_MAX)
		take_out(failures, 0);
	failures->items = memory_grow(failures->items, failures->count,
				      failures->count + 1, sizeof(*failures->items));
	added = &failures->items[failures->count++];
	*added = (struct failure){
		.revision = text_copy(key->revision),
		.digest = text_copy(key->digest),
		.instance_id = text_copy(key->instance_id),
		.boot_id = text_copy(key->boot_id),
	};
	return added;
}

static void read_item(struct failures *failures, const struct json_object *item,
		      bool is_bad)
{
	const struct failure_key key = {
		.revision = json_string(item, "revision"),
		.digest = json_string(item, "config_digest"),
		.instance_id = json_string(item, "instance_id"),
		.boot_id = json_string(item, "boot_id"),
	};
	int64_t count = json_integer(item, "count", 1);
	struct failure *failure;

	if (!text_is_revision(key.revision) || !key.digest || !key.instance_id ||
	    !key.boot_id)
		return;
	failure = append(failures, &key);
	failure->is_bad = is_bad;
	failure->cause = cause_word(json_string(item, "cause"));
	failure->reason = copy_reason(json_string(item, "reason"));
	failure->count = count < 1 || count > COUNT_MAX ? COUNT_MAX : count;
	failure->at_ms = json_integer(item, "at_ms", 0);
	failure->until_ms = json_integer(item, "until_ms", 0);
}

static void read_list(struct failures *failures, const struct json_object *document,
		      bool is_bad)
{
	const struct json_object *list =
		json_member(document, is_bad ? "bad" : "retry", json_type_array);
	size_t count = list ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < count; i++)
		read_item(failures, json_object_array_get_idx(list, i), is_bad);
}

static int compare_times(const void *a, const void *b)
{
	const struct failure *one = a, *other = b;

	return (one->at_ms > other->at_ms) - (one->at_ms < other->at_ms);
}

void failures_read(struct failures *failures, const struct json_object *document)
{
	read_list(failures, document, false);
	read_list(failures, document, true);
	if (failures->count > 0)
		qsort(failures->items, failures->count, sizeof(*failures->items),
		      compare_times);
}

static struct json_object *write_item(const struct failure *failure)
{
	struct json_object *item = json_new_object();

	json_set_string(item, "revision", failure->revision);
	json_set_string(item, "config_digest", failure->digest);
	json_set_string(item, "cause", failure->cause);
	json_set_string(item, "reason", failure->reason);
	json_set_integer(item, "count", failure->count);
	json_set_integer(item, "at_ms", failure->at_ms);
	json_set_integer(item, "until_ms", failure->until_ms);
	json_set_string(item, "instance_id", failure->instance_id);
	json_set_string(item, "boot_id", failure->boot_id);
	return item;
}

void failures_write(const struct failures *failures, struct json_object *document)
{
	struct json_object *bad = json_new_array(), *retry = json_new_array();

	for (size_t i = 0; i < failures->count; i++)
		json_add(failures->items[i].is_bad ? bad : retry,
			 write_item(&failures->items[i]));
	json_set(document, "bad", bad);
	json_set(document, "retry", retry);
}

static bool is_of(const struct failure *failure, const struct failure_key *key)
{
	return text_is_equal(failure->revision, key->revision) &&
		text_is_equal(failure->digest, key->digest) &&
		text_is_equal(failure->instance_id, key->instance_id) &&
		(failure->is_bad || text_is_equal(failure->boot_id, key->boot_id));
}

/* 1, 2, 4, 8, 16, 32 minutes, and an hour from then on. */
static int64_t retry_ms(int64_t count)
{
	int64_t delay_ms = FIRST_RETRY_MS;

	for (int64_t i = 1; i < count && delay_ms < LAST_RETRY_MS; i++)
		delay_ms *= 2;
	return delay_ms < LAST_RETRY_MS ? delay_ms : LAST_RETRY_MS;
}

/*
 * The machines of a fleet found it bad in the same minute: they do not all leave service
 * for it in one minute of the next day.
 */
static int64_t spread_ms(const char *instance_id)
{
	uint64_t sum = 0;

	for (const char *letter = instance_id; letter && *letter; letter++)
		sum = sum * 31 + (unsigned char)*letter;
	return (int64_t)(sum % BAD_SPREAD_MS);
}

/* Takes out what the new one replaces, and what is void; how often that had failed. */
static int64_t make_room(struct failures *failures, const struct failure_key *key)
{
	int64_t count = 0;

	for (size_t i = failures->count; i > 0; i--) {
		const struct failure *failure = &failures->items[i - 1];
		bool is_same = text_is_equal(failure->revision, key->revision) &&
			text_is_equal(failure->digest, key->digest);

		if (is_of(failure, key) && !failure->is_bad)
			count = failure->count;
		if (is_same || !text_is_equal(failure->instance_id, key->instance_id))
			take_out(failures, i - 1);
	}
	return count;
}

void failures_add(struct failures *failures, const struct failure_key *key,
		  const struct failure_finding *finding)
{
	int64_t count = make_room(failures, key);
	struct failure *failure = append(failures, key);

	failure->is_bad = finding->is_bad;
	failure->cause = cause_word(finding->cause);
	failure->reason = copy_reason(finding->reason);
	failure->count = count < COUNT_MAX ? count + 1 : COUNT_MAX;
	failure->at_ms = finding->at_ms;
	failure->until_ms = finding->at_ms +
		(finding->is_bad ? BAD_MS + spread_ms(key->instance_id)
				 : retry_ms(failure->count));
}

const struct failure *failures_find(const struct failures *failures,
				    const struct failure_key *key, int64_t now_ms)
{
	for (size_t i = failures->count; i > 0; i--) {
		const struct failure *failure = &failures->items[i - 1];

		if (is_of(failure, key) && failure->at_ms <= now_ms &&
		    now_ms < failure->until_ms)
			return failure;
	}
	return NULL;
}

bool failures_has(const struct failures *failures, const char *revision)
{
	for (size_t i = 0; i < failures->count; i++)
		if (text_is_equal(failures->items[i].revision, revision))
			return true;
	return false;
}

bool failures_forget(struct failures *failures, const char *revision)
{
	size_t before = failures->count;

	for (size_t i = failures->count; i > 0; i--)
		if (text_is_equal(failures->items[i - 1].revision, revision))
			take_out(failures, i - 1);
	return failures->count < before;
}
