/* SPDX-License-Identifier: MIT */
#include "run/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/scratch.h"
#include "base/text.h"
#include "loop/fixture.h"
#include "run/options.h"
#include "run/status.h"

#include <errno.h>
#include <signal.h>

/* The frame of a run: its name, its lock, and the documents it begins with. */

static int begin(const struct scratch *scratch, struct options *options, struct run *run,
		 struct error *err)
{
	*options = (struct options){ .root = scratch->path };
	return run_init(run, options, "sync", err);
}

static void run_has_a_name_and_places(void **state)
{
	const struct scratch *scratch = *state;
	int fd_count = fixture_count_fds();
	struct options options;
	struct error err = { 0 };
	struct run run;

	assert_int_equal(begin(scratch, &options, &run, &err), 0);
	/* "20261124T055728Z-1f2e3d4c" */
	assert_int_equal(strlen(run.run_id), 25);
	assert_int_equal(strspn(run.run_id, "0123456789TZ"), 16);
	assert_int_equal(run.run_id[16], '-');
	assert_int_equal(strspn(run.run_id + 17, "0123456789abcdef"), 8);
	assert_false(run.is_boot);
	assert_int_equal(run.deadline.at_ms, run.final_deadline.at_ms);
	assert_in_range(deadline_left_ms(run.deadline), 1790000, 1800000);
	assert_int_equal(run_lock(&run, false, &err), 0);
	assert_int_equal(run.releases.count, 0);
	assert_string_equal(json_string(run.status, "boot_id"), run.boot_id);
	run_done(&run);
	assert_int_equal(fixture_count_fds(), fd_count);
}

static void run_that_cannot_begin_leaves_nothing(void **state)
{
	int fd_count = fixture_count_fds();
	const struct options options = { .root = "/nowhere" };
	struct error err = { 0 };
	struct run run;

	(void)state;
	assert_int_equal(run_init(&run, &options, "boot", &err), -ENOENT);
	assert_string_equal(err.text,
			    "open the root directory '/nowhere': No such file or "
			    "directory");
	assert_true(run.is_boot);
	run_done(&run);
	assert_int_equal(fixture_count_fds(), fd_count);
}

static void second_run_is_refused_or_waits(void **state)
{
	const struct scratch *scratch = *state;
	struct options options;
	struct error err = { 0 };
	struct run first, second;

	assert_int_equal(begin(scratch, &options, &first, &err), 0);
	assert_int_equal(begin(scratch, &options, &second, &err), 0);
	assert_int_equal(run_lock(&first, false, &err), 0);
	assert_int_equal(run_lock(&second, false, &err), -EWOULDBLOCK);
	/* one that waits can be told to stop */
	assert_int_equal(raise(SIGTERM), 0);
	assert_int_equal(run_lock(&second, true, &err), -ECANCELED);
	second.loop.interrupted_by = first.loop.interrupted_by = 0;
	/* and has its time */
	second.deadline = deadline_in(-1);
	assert_int_equal(run_lock(&second, true, &err), -EWOULDBLOCK);
	second.deadline = deadline_in(5000);
	run_done(&first);
	assert_int_equal(run_lock(&second, true, &err), 0);
	/* what stood in the way before is no error of a run that has its lock */
	assert_int_equal(err.code, 0);
	run_done(&second);
}

static void status_of_this_boot_goes_on(void **state)
{
	const struct status_serving serving = { true, "1", "aaaa", true, NULL };
	const struct scratch *scratch = *state;
	struct options options;
	struct error err = { 0 };
	struct run run;

	assert_int_equal(begin(scratch, &options, &run, &err), 0);
	assert_int_equal(run_lock(&run, false, &err), 0);
	status_set_serving(&run, &serving);
	run.notes.has_booted = true;
	assert_int_equal(status_publish(&run, &err), 0);
	run_done(&run);
	assert_int_equal(begin(scratch, &options, &run, &err), 0);
	assert_int_equal(run_lock(&run, false, &err), 0);
	assert_true(status_is_ready(run.status));
	assert_true(run.notes.has_booted);
	run_done(&run);
}

static void foreign_status_is_begun_anew(void **state)
{
	static const char *const members[] = {
		"",
		", \"schema\": 1",
		", \"schema\": 2, \"instance\": {}, \"serving\": {}, \"run\": {}, "
		"\"lifecycle\": {}, \"times\": {}",
	};
	const struct scratch *scratch = *state;

	for (size_t i = 0; i < ARRAY_COUNT(members); i++) {
		autofree char *text = NULL;
		struct options options;
		struct error err = { 0 };
		struct run run;

		assert_int_equal(begin(scratch, &options, &run, &err), 0);
		text = text_format("{\"boot_id\": \"%s\"%s}", run.boot_id, members[i]);
		assert_int_equal(scratch_put(scratch, "run/bootagent/run.json", text,
					     strlen(text)),
				 0);
		assert_int_equal(run_lock(&run, false, &err), 0);
		status_set_running(&run);
		status_set_lifecycle(&run, "open");
		assert_int_equal(status_publish(&run, &err), 0);
		run_done(&run);
	}
}

static void details_are_one_printable_line(void **state)
{
	struct run run = { 0 };
	autofree char *longest = memory_new(RUN_DETAIL_MAX_BYTES, 1);

	(void)state;
	run_detail(&run, "%s\n%d", "a\033[1m", 1);
	assert_string_equal(run.detail, "a [1m 1");
	/* cut in the middle of a character */
	memset(longest, 'x', RUN_DETAIL_MAX_BYTES - 2);
	run_detail(&run, "%s\xc3\xa9", longest);
	assert_int_equal(strlen(run.detail), RUN_DETAIL_MAX_BYTES - 1);
	assert_int_equal(run.detail[RUN_DETAIL_MAX_BYTES - 2], '?');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(run_has_a_name_and_places),
		cmocka_unit_test(run_that_cannot_begin_leaves_nothing),
		scratch_test(second_run_is_refused_or_waits),
		scratch_test(status_of_this_boot_goes_on),
		scratch_test(foreign_status_is_begun_anew),
		cmocka_unit_test(details_are_one_printable_line),
	};

	return cmocka_run_group_tests_name("run_run", tests, NULL, NULL);
}
