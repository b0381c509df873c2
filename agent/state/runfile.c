/* SPDX-License-Identifier: MIT */
#include "state/runfile.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/*
 * One writer, many readers, no lock: the file is replaced whole. A reader must never take
 * a dead run for a running one, so the writer leaves its pid and start time (a pid alone
 * may be somebody else's by now), and every reader gets the corrected document.
 */

#define RUN_FILE "run.json"
#define RUN_FILE_MAX_BYTES (1024 * 1024)

static bool is_alive(const struct json_object *writer)
{
	struct process process;

	if (process_look_up(json_integer(writer, "pid", 0), &process) < 0)
		return false;
	return process.start_time_ticks == json_integer(writer, "start_time_ticks", -1);
}

int runfile_save(int run_fd, struct json_object *status,
		 const struct runfile_notes *notes, struct error *err)
{
	struct json_object *writer = json_new_object();
	autofree char *text = NULL;
	struct process ourselves = { 0 };
	int result = process_look_up(getpid(), &ourselves);

	if (result < 0) {
		(void)json_object_put(writer);
		return error_set(err, result, "read our own start time from /proc");
	}
	json_set_integer(writer, "pid", getpid());
	json_set_integer(writer, "start_time_ticks", ourselves.start_time_ticks);
	json_set_boolean(writer, "is_unproven", notes->is_unproven);
	json_set_boolean(writer, "has_booted", notes->has_booted);
	json_set(status, "writer", writer);
	text = text_format("%s\n", json_line(status));
	json_object_object_del(status, "writer");
	return file_write(run_fd, RUN_FILE, text, 0644, FILE_VOLATILE, err);
}

static void set_interrupted(struct json_object *status, const struct json_object *run)
{
	struct json_object *last = json_new_object(), *error = json_new_object();

	json_set_string(last, "run_id", json_string(run, "run_id"));
	json_set_string(last, "verb", json_string(run, "verb"));
	json_set_string(last, "result", "interrupted");
	json_set_string(last, "cause", "signal");
	json_set_integer(last, "exit_code", 4);
	json_set_string(error, "stage", json_string(run, "stage"));
	json_set_string(error, "code", "ECANCELED");
	json_set_string(error, "message",
			"the run was killed; the next one goes on from there");
	json_set(last, "error", error);
	json_set_string(last, "started_at", NULL);
	json_set_string(last, "finished_at", NULL);
	json_set(last, "stages", json_new_array());
	json_set(last, "steps", json_new_array());
	json_set(status, "last_run", last);
}

static void set_not_serving(struct json_object *status)
{
	struct json_object *serving = json_new_object();

	json_set_boolean(serving, "ready", false);
	json_set_string(serving, "revision", NULL);
	json_set_string(serving, "release", NULL);
	json_set_string(serving, "since", NULL);
	json_set(serving, "up_to_date", NULL);
	json_set_string(serving, "reason",
			"a run was killed after it moved the current release");
	json_set(status, "serving", serving);
}

static void set_idle(struct json_object *status)
{
	struct json_object *run = json_new_object();

	json_set_string(run, "state", "idle");
	json_set_string(run, "run_id", NULL);
	json_set_string(run, "verb", NULL);
	json_set_string(run, "stage", NULL);
	json_set(status, "run", run);
}

static void correct(struct json_object *status, const struct json_object *writer)
{
	const struct json_object *run = json_member(status, "run", json_type_object);

	if (text_is_equal(json_string(run, "state"), "running") && !is_alive(writer)) {
		set_interrupted(status, run);
		if (json_boolean(writer, "is_unproven"))
			set_not_serving(status);
		set_idle(status);
	}
}

int runfile_load(int run_fd, const char *boot_id, struct json_object **ret_status,
		 struct runfile_notes *ret_notes, struct error *err)
{
	autojson struct json_object *status = NULL;
	const struct json_object *writer;
	int result = json_load(run_fd, RUN_FILE, RUN_FILE_MAX_BYTES, &status, err);

	if (result == -EINVAL)
		return error_set(err, ENOENT, "'" RUN_FILE "' is damaged");
	if (result < 0)
		return result;
	if (!text_is_equal(json_string(status, "boot_id"), boot_id))
		return error_set(err, ENOENT, "'" RUN_FILE "' is another boot's");
	writer = json_member(status, "writer", json_type_object);
	correct(status, writer);
	*ret_notes = (struct runfile_notes){
		.is_unproven = json_boolean(writer, "is_unproven"),
		.has_booted = json_boolean(writer, "has_booted"),
	};
	json_object_object_del(status, "writer");
	*ret_status = TAKE(status);
	return 0;
}

int runfile_boot_id(char ret_boot_id[static BOOT_ID_BYTES], struct error *err)
{
	autoclose int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, ret_boot_id, BOOT_ID_BYTES - 1);

	if (length != BOOT_ID_BYTES - 1)
		return error_set(err, fd < 0 ? errno : EIO,
				 "read the kernel's boot id: is /proc mounted?");
	ret_boot_id[length] = '\0';
	return 0;
}
