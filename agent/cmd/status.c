/* SPDX-License-Identifier: MIT */
#include "cmd/cmd.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "run/exit.h"
#include "run/log.h"
#include "run/report.h"
#include "run/status.h"
#include "state/places.h"
#include "state/runfile.h"

#include <errno.h>
#include <string.h>

/*
 * `bootagent status`: prints what the last run of this boot left in run.json. Anybody may
 * ask; nothing is contacted, nothing is changed.
 */

static int load(const struct options *options, struct json_object **ret_status,
		struct error *err)
{
	struct places places;
	struct runfile_notes notes;
	char boot_id[BOOT_ID_BYTES];
	int result = runfile_boot_id(boot_id, err);

	if (result == 0)
		result = places_init_reader(&places, options->root, err);
	if (result < 0)
		return result;
	result = -ENOENT;
	if (places.run_fd >= 0)
		result = runfile_load(places.run_fd, boot_id, ret_status, &notes, err);
	places_done(&places);
	if (result != -ENOENT)
		return result;
	*ret_status = status_new();
	json_set_string(*ret_status, "boot_id", boot_id);
	return 0;
}

static const char *text_or(const struct json_object *object, const char *key,
			   const char *fallback)
{
	const char *text = json_string(object, key);

	return text ? text : fallback;
}

/* A time to the second: "2026-11-24T05:57:28Z". */
static char *time_or(const struct json_object *object, const char *key,
		     const char *fallback)
{
	const char *text = json_string(object, key);

	if (!text)
		return text_copy(fallback);
	return text_format("%.*sZ", (int)strcspn(text, ".Z"), text);
}

static char *append(char *text, char *line)
{
	char *longer = text_format("%s%s\n", text, line);

	free(text);
	free(line);
	return longer;
}

static const char *describe_wanted(const char *wanted, const struct json_object *serving)
{
	if (!json_member(serving, "up_to_date", json_type_boolean))
		return "whether that serves is unknown";
	if (json_boolean(serving, "up_to_date"))
		return "that is what serves";
	/* The last run failed before it knew what is wanted by now. */
	if (text_is_equal(wanted, json_string(serving, "revision")))
		return "as last known; that serves";
	return "not what serves";
}

static char *add_pinned(char *text, const struct json_object *status)
{
	const struct json_object *pinned =
		json_member(status, "pinned", json_type_object);
	autofree char *at = time_or(pinned, "at", "?");

	if (!pinned)
		return text;
	return append(text,
		      text_format("pinned    %.12s, by %s at %s",
				  text_or(pinned, "revision", "?"),
				  text_or(pinned, "by", "?"), at));
}

static char *add_serving(char *text, const struct json_object *status)
{
	const struct json_object *serving =
		json_member(status, "serving", json_type_object);
	const struct json_object *last =
		json_member(status, "last_run", json_type_object);
	const struct json_object *error = json_member(last, "error", json_type_object);
	const char *wanted = json_string(status, "wanted_revision");
	const char *reason = json_string(serving, "reason");
	autofree char *since = time_or(serving, "since", "?");

	if (json_boolean(serving, "ready"))
		text = append(text,
			      text_format("serving   yes, %.12s (release %s) since %s",
					  text_or(serving, "revision", "?"),
					  text_or(serving, "release", "?"), since));
	else
		text = append(text, text_copy("serving   no"));
	if (wanted)
		text = append(text,
			      text_format("wanted    %.12s, %s", wanted,
					  describe_wanted(wanted, serving)));
	text = add_pinned(text, status);
	/* The last run's error, told below, is the usual reason. */
	if (reason && !text_is_equal(reason, json_string(error, "message")))
		text = append(text, text_format("because   %s", reason));
	return text;
}

static char *add_stages(char *text, const struct json_object *last)
{
	const struct json_object *stages = json_member(last, "stages", json_type_array);
	size_t count = stages ? json_object_array_length(stages) : 0;

	for (size_t i = 0; i < count; i++) {
		const struct json_object *stage = json_object_array_get_idx(stages, i);

		if (text_is_equal(json_string(stage, "state"), "skipped"))
			continue;
		text = append(text,
			      text_format("          %-14s %-7s %7lld ms",
					  text_or(stage, "name", "?"),
					  text_or(stage, "state", "?"),
					  (long long)json_integer(stage, "duration_ms",
								  0)));
	}
	return text;
}

static char *add_runs(char *text, const struct json_object *status)
{
	const struct json_object *run = json_member(status, "run", json_type_object);
	const struct json_object *last =
		json_member(status, "last_run", json_type_object);
	const struct json_object *error = json_member(last, "error", json_type_object);
	autofree char *end = time_or(last, "finished_at", "end unknown");

	if (text_is_equal(json_string(run, "state"), "running"))
		text = append(text,
			      text_format("running   %s, stage %s",
					  text_or(run, "verb", "?"),
					  text_or(run, "stage", "?")));
	if (!last)
		return append(text, text_format("last run  none in this boot"));
	text = append(text,
		      text_format("last run  %s: %s, %s", text_or(last, "verb", "?"),
				  text_or(last, "result", "?"), end));
	if (error)
		text = append(text,
			      text_format("          %s: %s",
					  text_or(error, "stage", "?"),
					  text_or(error, "message", "?")));
	return add_stages(text, last);
}

static char *add_lifecycle(char *text, const struct json_object *status)
{
	const struct json_object *lifecycle =
		json_member(status, "lifecycle", json_type_object);
	const char *state = text_or(lifecycle, "state", "none");

	if (json_string(lifecycle, "verdict"))
		return append(text,
			      text_format("hook      %s of %s: %s, %s",
					  text_or(lifecycle, "hook", "?"),
					  text_or(lifecycle, "group", "?"),
					  json_string(lifecycle, "verdict"), state));
	if (text_is_equal(state, "open"))
		return append(text, text_copy("hook      open, not completed"));
	return text;
}

static char *describe(const struct json_object *status)
{
	char *text = add_serving(text_copy(""), status);

	text = add_runs(text, status);
	return add_lifecycle(text, status);
}

int cmd_status(const struct options *options)
{
	autojson struct json_object *status = NULL;
	autofree char *text = NULL;
	struct error err = { 0 };
	struct log log;

	log_init(&log, options->is_verbose);
	if (load(options, &status, &err) < 0) {
		log_write(&log, LOG_ERR, "status: %s", err.text);
		return EXIT_NOT_READY;
	}
	text = options->is_json ? text_format("%s\n", json_line(status))
				: describe(status);
	report_text(text);
	return status_is_ready(status) ? EXIT_DONE : EXIT_NOT_READY;
}
