/* SPDX-License-Identifier: MIT */
#include "state/runfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/scratch.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

/* A reader never takes a dead run for a running one, nor what another boot knew. */

#define FILE_NAME "run.json"

static const char running[] =
	"{\"schema\": 1, \"boot_id\": \"boot-1\", "
	"\"serving\": {\"ready\": true, \"release\": \"1\"}, "
	"\"run\": {\"state\": \"running\", \"run_id\": \"R\", \"verb\": \"sync\", "
	"\"stage\": \"ready\"}, \"last_run\": null}";

static struct json_object *parse(const char *text)
{
	struct json_object *document = NULL;
	struct error err = { 0 };

	assert_int_equal(json_parse(text, strlen(text), "test", &document, &err), 0);
	return document;
}

static void save(const struct scratch *scratch, bool is_unproven)
{
	const struct runfile_notes notes = { .is_unproven = is_unproven };
	autojson struct json_object *status = parse(running);
	struct error err;

	if (runfile_save(scratch->fd, status, &notes, &err) < 0)
		_exit(1);
}

/* Saved by a process that has ended since. */
static pid_t save_and_die(const struct scratch *scratch, bool is_unproven, bool is_reaped)
{
	siginfo_t info;
	pid_t pid = fork();

	if (pid == 0) {
		save(scratch, is_unproven);
		_exit(0);
	}
	assert_int_equal(waitid(P_PID, (id_t)pid, &info,
				WEXITED | (is_reaped ? 0 : WNOWAIT)),
			 0);
	assert_int_equal(info.si_status, 0);
	return pid;
}

static struct json_object *load(const struct scratch *scratch)
{
	struct json_object *status = NULL;
	struct runfile_notes notes;
	struct error err = { 0 };

	assert_int_equal(runfile_load(scratch->fd, "boot-1", &status, &notes, &err), 0);
	assert_null(json_member(status, "writer", json_type_object));
	return status;
}

static const char *run_state(const struct json_object *status)
{
	return json_string(json_member(status, "run", json_type_object), "state");
}

static void living_writer_is_believed(void **state)
{
	const struct scratch *scratch = *state;
	const struct runfile_notes notes = { .is_unproven = true };
	autojson struct json_object *given = parse(running);
	autojson struct json_object *status = NULL;
	struct error err = { 0 };

	assert_int_equal(runfile_save(scratch->fd, given, &notes, &err), 0);
	/* the document is the caller's as it was */
	assert_int_equal(json_object_object_length(given), 5);
	status = load(scratch);
	assert_true(json_object_equal(status, given));
	assert_int_equal(scratch_count(scratch), 1);
}

static void notes_come_back(void **state)
{
	const struct scratch *scratch = *state;

	for (int i = 0; i < 4; i++) {
		const struct runfile_notes given = { .is_unproven = i & 1,
						     .has_booted = i & 2 };
		autojson struct json_object *status = parse(running);
		struct runfile_notes notes = { 0 };
		struct error err = { 0 };

		assert_int_equal(runfile_save(scratch->fd, status, &given, &err), 0);
		(void)json_object_put(TAKE(status));
		assert_int_equal(runfile_load(scratch->fd, "boot-1", &status, &notes,
					      &err),
				 0);
		assert_int_equal(notes.is_unproven, given.is_unproven);
		assert_int_equal(notes.has_booted, given.has_booted);
	}
}

static void assert_interrupted(const struct json_object *status)
{
	static const char *const keys[] = { "run_id",     "verb",        "result",
					    "cause",      "exit_code",   "error",
					    "started_at", "finished_at", "stages",
					    "steps" };
	const struct json_object *last =
		json_member(status, "last_run", json_type_object);
	const struct json_object *error = json_member(last, "error", json_type_object);

	assert_string_equal(run_state(status), "idle");
	assert_string_equal(json_string(last, "run_id"), "R");
	assert_string_equal(json_string(last, "verb"), "sync");
	assert_string_equal(json_string(last, "result"), "interrupted");
	assert_string_equal(json_string(last, "cause"), "signal");
	assert_int_equal(json_integer(last, "exit_code", -1), 4);
	assert_string_equal(json_string(error, "stage"), "ready");
	assert_string_equal(json_string(error, "code"), "ECANCELED");
	assert_int_equal(json_object_object_length(last), ARRAY_COUNT(keys));
	for (size_t i = 0; i < ARRAY_COUNT(keys); i++)
		assert_true(json_object_object_get_ex(last, keys[i], NULL));
}

static void dead_writer_was_interrupted(void **state)
{
	const struct scratch *scratch = *state;
	autojson struct json_object *status = NULL;
	const struct json_object *serving;

	(void)save_and_die(scratch, false, true);
	status = load(scratch);
	assert_interrupted(status);
	/* before the flip, what served still serves */
	serving = json_member(status, "serving", json_type_object);
	assert_true(json_boolean(serving, "ready"));
	assert_string_equal(json_string(serving, "release"), "1");
}

static void dead_writer_after_the_flip_left_nothing_proven(void **state)
{
	const struct scratch *scratch = *state;
	autojson struct json_object *status = NULL;
	const struct json_object *serving;

	(void)save_and_die(scratch, true, true);
	status = load(scratch);
	assert_interrupted(status);
	serving = json_member(status, "serving", json_type_object);
	assert_false(json_boolean(serving, "ready"));
	assert_null(json_string(serving, "release"));
	assert_true(json_object_object_get_ex(serving, "up_to_date", NULL));
	assert_non_null(json_string(serving, "reason"));
}

/* In a container nobody may ever reap it. */
static void zombie_is_dead(void **state)
{
	const struct scratch *scratch = *state;
	autojson struct json_object *status = NULL;
	pid_t pid = save_and_die(scratch, false, false);

	status = load(scratch);
	assert_interrupted(status);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Its pid may be somebody else's by now: ours, for example. */
static void pid_alone_is_no_proof(void **state)
{
	const struct scratch *scratch = *state;
	autojson struct json_object *status = parse(running);
	autojson struct json_object *loaded = NULL;
	struct json_object *writer = json_new_object();
	const char *text;

	json_set_integer(writer, "pid", getpid());
	json_set_integer(writer, "start_time_ticks", 1);
	json_set(status, "writer", writer);
	text = json_line(status);
	assert_int_equal(scratch_put(scratch, FILE_NAME, text, strlen(text)), 0);
	loaded = load(scratch);
	assert_interrupted(loaded);
}

static void run_without_a_writer_was_interrupted(void **state)
{
	const struct scratch *scratch = *state;
	autojson struct json_object *status = NULL;

	assert_int_equal(scratch_put(scratch, FILE_NAME, running, strlen(running)), 0);
	status = load(scratch);
	assert_interrupted(status);
}

static void what_has_ended_stays_as_it_was_written(void **state)
{
	static const char idle[] = "{\"boot_id\": \"boot-1\", \"run\": {\"state\": "
				   "\"idle\"}, \"last_run\": {\"exit_code\": 0}, "
				   "\"writer\": {\"pid\": 0}}";
	const struct scratch *scratch = *state;
	autojson struct json_object *status = NULL;

	assert_int_equal(scratch_put(scratch, FILE_NAME, idle, strlen(idle)), 0);
	status = load(scratch);
	assert_string_equal(run_state(status), "idle");
	assert_int_equal(json_integer(json_member(status, "last_run", json_type_object),
				      "exit_code", -1),
			 0);
}

static void nothing_of_this_boot_is_nothing(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"null",
		"{}",
		"{\"boot_id\": \"boot-2\"}",
		"{\"boot_id\": 1}",
	};
	const struct scratch *scratch = *state;
	struct json_object *status = NULL;
	struct runfile_notes notes;
	struct error err = { 0 };

	assert_int_equal(runfile_load(scratch->fd, "boot-1", &status, &notes, &err),
			 -ENOENT);
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		assert_int_equal(scratch_put(scratch, FILE_NAME, texts[i],
					     strlen(texts[i])),
				 0);
		assert_int_equal(runfile_load(scratch->fd, "boot-1", &status, &notes,
					      &err),
				 -ENOENT);
		assert_null(status);
	}
	assert_string_equal(err.text, "'run.json' is another boot's");
}

static void boot_id_is_the_kernels(void **state)
{
	char first[BOOT_ID_BYTES] = "", second[BOOT_ID_BYTES] = "";
	struct error err = { 0 };

	(void)state;
	assert_int_equal(runfile_boot_id(first, &err), 0);
	assert_int_equal(runfile_boot_id(second, &err), 0);
	assert_int_equal(strlen(first), 36);
	assert_string_equal(first, second);
	assert_int_equal(strspn(first, "0123456789abcdef-"), 36);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(living_writer_is_believed),
		scratch_test(notes_come_back),
		scratch_test(dead_writer_was_interrupted),
		scratch_test(dead_writer_after_the_flip_left_nothing_proven),
		scratch_test(zombie_is_dead),
		scratch_test(pid_alone_is_no_proof),
		scratch_test(run_without_a_writer_was_interrupted),
		scratch_test(what_has_ended_stays_as_it_was_written),
		scratch_test(nothing_of_this_boot_is_nothing),
		cmocka_unit_test(boot_id_is_the_kernels),
	};

	return cmocka_run_group_tests_name("state_runfile", tests, NULL, NULL);
}
