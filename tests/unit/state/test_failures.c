/* SPDX-License-Identifier: MIT */
#include "state/failures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/scratch.h"
#include "base/text.h"
#include "state/releases.h"

#include <stdio.h>

/* What is remembered of revisions that did not prove themselves, and for how long. */

#define REVISION_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define REVISION_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define NOW_MS INT64_C(1795000000000)
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

static const struct failure_key key = { REVISION_A, "d1", "i-1", "boot-1" };
static const struct failure_finding bad = { "probe", "it answered 500", NOW_MS, true };
static const struct failure_finding other = { "step", "exit status 1", NOW_MS, false };

static const struct failure *find_at(const struct failures *failures, int64_t later_ms)
{
	return failures_find(failures, &key, NOW_MS + later_ms);
}

static void bad_one_is_left_alone_for_a_day(void **state)
{
	struct failures failures = { 0 };
	const struct failure *found;

	(void)state;
	failures_add(&failures, &key, &bad);
	found = find_at(&failures, 0);
	assert_non_null(found);
	assert_true(found->is_bad);
	assert_string_equal(found->cause, "probe");
	assert_string_equal(found->reason, "it answered 500");
	assert_int_equal(found->at_ms, NOW_MS);
	assert_non_null(find_at(&failures, DAY_MS - 1));
	assert_null(find_at(&failures, DAY_MS + 6 * HOUR_MS));
	failures_done(&failures);
	failures_done(&failures);
}

static void machines_of_a_fleet_do_not_try_again_at_once(void **state)
{
	struct failures failures = { 0 };
	int64_t until_ms[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(until_ms); i++) {
		char id[32];
		struct failure_key its = key;

		(void)snprintf(id, sizeof(id), "i-0e9816e39a4927c7%zu", i);
		its.instance_id = id;
		failures_add(&failures, &its, &bad);
		assert_int_equal(failures.count, 1);
		until_ms[i] = failures.items[0].until_ms;
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(until_ms[j], until_ms[i]);
	}
	failures_done(&failures);
}

/* A minute, and twice as long each time, up to an hour. */
static void others_are_tried_again_soon(void **state)
{
	static const int64_t minutes[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
	struct failures failures = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(minutes); i++) {
		failures_add(&failures, &key, &other);
		assert_int_equal(failures.count, 1);
		assert_int_equal(failures.items[0].count, i + 1);
		assert_non_null(find_at(&failures, minutes[i] * MINUTE_MS - 1));
		assert_null(find_at(&failures, minutes[i] * MINUTE_MS));
	}
	/* In a row: what happened in between began anew. */
	failures_add(&failures, &key, &bad);
	assert_true(find_at(&failures, 0)->is_bad);
	failures_add(&failures, &key, &other);
	assert_int_equal(failures.items[0].count, 1);
	failures_done(&failures);
}

static void it_stands_for_what_failed_only(void **state)
{
	static const struct failure_key strangers[] = {
		{ REVISION_B, "d1", "i-1", "boot-1" },
		{ REVISION_A, "d2", "i-1", "boot-1" },
		{ REVISION_A, "d1", "i-2", "boot-1" },
	};
	const struct failure_key next_boot = { REVISION_A, "d1", "i-1", "boot-2" };
	struct failures failures = { 0 };

	(void)state;
	failures_add(&failures, &key, &bad);
	for (size_t i = 0; i < ARRAY_COUNT(strangers); i++)
		assert_null(failures_find(&failures, &strangers[i], NOW_MS));
	assert_non_null(failures_find(&failures, &next_boot, NOW_MS));
	/* What is around it may have come back with the boot. */
	failures_add(&failures, &key, &other);
	assert_non_null(find_at(&failures, 0));
	assert_null(failures_find(&failures, &next_boot, NOW_MS));
	failures_add(&failures, &next_boot, &other);
	assert_int_equal(failures.count, 1);
	assert_int_equal(failures.items[0].count, 1);
	failures_done(&failures);
}

static void clock_put_back_makes_it_void(void **state)
{
	struct failures failures = { 0 };

	(void)state;
	failures_add(&failures, &key, &bad);
	assert_null(find_at(&failures, -1));
	failures_done(&failures);
}

static void revision_is_forgotten_with_every_configuration(void **state)
{
	struct failure_key second = key;
	struct failures failures = { 0 };

	(void)state;
	second.digest = "d2";
	failures_add(&failures, &key, &bad);
	failures_add(&failures, &second, &bad);
	assert_int_equal(failures.count, 2);
	assert_true(failures_has(&failures, REVISION_A));
	assert_false(failures_forget(&failures, REVISION_B));
	assert_true(failures_forget(&failures, REVISION_A));
	assert_false(failures_has(&failures, REVISION_A));
	assert_int_equal(failures.count, 0);
	failures_done(&failures);
}

static void latest_are_kept(void **state)
{
	struct failures failures = { 0 };
	char digest[16];

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		struct failure_key each = key;

		(void)snprintf(digest, sizeof(digest), "d%zu", i);
		each.digest = digest;
		failures_add(&failures, &each, &bad);
	}
	assert_int_equal(failures.count, 64);
	assert_string_equal(failures.items[0].digest, "d36");
	assert_string_equal(failures.items[63].digest, "d99");
	/* Those of the image's machine are void, and go. */
	failures_add(&failures,
		     &(struct failure_key){ REVISION_A, "d1", "i-2", "boot-1" }, &bad);
	assert_int_equal(failures.count, 1);
	failures_done(&failures);
}

static void reason_is_one_line_and_not_too_long(void **state)
{
	static const struct failure_finding talkative = {
		"probe",
		"0123456789\nx0123456789x0123456789x0123456789x0123456789x0123456789x0123"
		"456789x0123456789x0123456789x0123456789x0123456789x0123456789x0123456789"
		"x0123456789x0123456789x0123456789x0123456789x0123456789x0123456789x",
		NOW_MS, true
	};
	const struct failure_finding silent = { "unheard-of", NULL, NOW_MS, true };
	struct failures failures = { 0 };

	(void)state;
	failures_add(&failures, &key, &talkative);
	assert_int_equal(strlen(failures.items[0].reason), 200);
	assert_null(strchr(failures.items[0].reason, '\n'));
	failures_add(&failures, &key, &silent);
	assert_string_equal(failures.items[0].reason, "");
	assert_null(failures.items[0].cause);
	failures_done(&failures);
}

/* They lie beside the releases, in one file. */
static void what_is_saved_is_loaded(void **state)
{
	const struct scratch *scratch = *state;
	const struct failure_key second = { REVISION_B, "d1", "i-1", "boot-1" };
	struct releases saved = { 0 }, loaded = { 0 };
	struct error err = { 0 };
	const struct failure *found;

	failures_add(&saved.failures, &key, &other);
	failures_add(&saved.failures, &key, &other);
	failures_add(&saved.failures, &second,
		     &(struct failure_finding){ "deadline", "late", NOW_MS - 5, true });
	assert_int_equal(releases_save(scratch->fd, &saved, &err), 0);
	releases_done(&saved);
	assert_int_equal(releases_load(scratch->fd, &loaded, &err), 0);
	assert_int_equal(loaded.failures.count, 2);
	/* By their time. */
	assert_string_equal(loaded.failures.items[0].revision, REVISION_B);
	found = failures_find(&loaded.failures, &key, NOW_MS);
	assert_false(found->is_bad);
	assert_int_equal(found->count, 2);
	assert_int_equal(found->until_ms, NOW_MS + 2 * MINUTE_MS);
	assert_string_equal(found->cause, "step");
	assert_string_equal(found->reason, "exit status 1");
	assert_string_equal(found->boot_id, "boot-1");
	found = failures_find(&loaded.failures, &second, NOW_MS);
	assert_true(found->is_bad);
	assert_string_equal(found->cause, "deadline");
	releases_done(&loaded);
}

/* Of another version, or damaged: it is no reason to know of no release, either. */
static void what_is_not_understood_was_never_remembered(void **state)
{
	static const char *const members[] = {
		"\"schema\": 1",
		"\"bad\": null, \"retry\": {}",
		"\"bad\": [1, null, {}, []]",
		"\"bad\": [{\"revision\": \"x\", \"config_digest\": \"d1\", "
		"\"instance_id\": \"i-1\", \"boot_id\": \"boot-1\"}]",
		"\"bad\": [{\"revision\": \"" REVISION_A "\", \"instance_id\": \"i-1\", "
		"\"boot_id\": \"boot-1\"}]",
		"\"bad\": [{\"revision\": \"" REVISION_A "\", \"config_digest\": \"d1\", "
		"\"boot_id\": \"boot-1\"}]",
		"\"retry\": [{\"revision\": \"" REVISION_A "\", \"config_digest\": "
		"\"d1\", \"instance_id\": \"i-1\"}]",
	};
	const struct scratch *scratch = *state;

	for (size_t i = 0; i < ARRAY_COUNT(members); i++) {
		autofree char *text = text_format("{\"releases\": [], %s}", members[i]);
		struct releases releases = { 0 };
		struct error err = { 0 };

		assert_int_equal(scratch_put(scratch, "releases.json", text,
					     strlen(text)),
				 0);
		assert_int_equal(releases_load(scratch->fd, &releases, &err), 0);
		assert_int_equal(releases.failures.count, 0);
		releases_done(&releases);
	}
}

static void a_count_beyond_all_sense_is_a_large_one(void **state)
{
	static const char *const counts[] = { "-1", "0", "9223372036854775807" };

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
		autofree char *text = text_format(
			"{\"retry\": [{\"revision\": \"" REVISION_A
			"\", \"config_digest\": \"d1\", \"instance_id\": \"i-1\", "
			"\"boot_id\": \"boot-1\", \"count\": %s}]}",
			counts[i]);
		autojson struct json_object *document = json_tokener_parse(text);
		struct failures failures = { 0 };

		failures_read(&failures, document);
		assert_int_equal(failures.count, 1);
		failures_add(&failures, &key, &other);
		assert_non_null(find_at(&failures, HOUR_MS - 1));
		assert_null(find_at(&failures, HOUR_MS));
		failures_done(&failures);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_one_is_left_alone_for_a_day),
		cmocka_unit_test(machines_of_a_fleet_do_not_try_again_at_once),
		cmocka_unit_test(others_are_tried_again_soon),
		cmocka_unit_test(it_stands_for_what_failed_only),
		cmocka_unit_test(clock_put_back_makes_it_void),
		cmocka_unit_test(revision_is_forgotten_with_every_configuration),
		cmocka_unit_test(latest_are_kept),
		cmocka_unit_test(reason_is_one_line_and_not_too_long),
		scratch_test(what_is_saved_is_loaded),
		scratch_test(what_is_not_understood_was_never_remembered),
		cmocka_unit_test(a_count_beyond_all_sense_is_a_large_one),
	};

	return cmocka_run_group_tests_name("state_failures", tests, NULL, NULL);
}
