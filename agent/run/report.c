/* SPDX-License-Identifier: MIT */
#include "run/report.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <string.h>
#include <sys/poll.h>
#include <unistd.h>

/*
 * The lines of a run, for people and for machines. A line is dropped when nobody takes
 * it: a full pipe or a stopped terminal must not hold up a boot. Lines stay below
 * PIPE_BUF, so that a pipe that is ready takes one whole.
 */

#define PROGRESS_INTERVAL_MS 100
#define CLEAR_LINE "\r\033[K"

void report_init(struct report *report, bool is_json)
{
	*report = (struct report){ .style = REPORT_PLAIN };
	if (is_json)
		report->style = REPORT_JSON;
	else if (isatty(STDOUT_FILENO))
		report->style = REPORT_TERMINAL;
}

static void put(const char *text)
{
	struct pollfd ready = { .fd = STDOUT_FILENO, .events = POLLOUT };

	if (poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) &&
	    write(STDOUT_FILENO, text, strlen(text)) < 0)
		return;
}

static void put_live(struct report *report, const char *stage, const char *text)
{
	autofree char *line = text_format(CLEAR_LINE "  %-14s … %s", stage, text);

	put(line);
	report->has_live_line = true;
}

static void clear_live(struct report *report)
{
	if (report->has_live_line)
		put(CLEAR_LINE);
	report->has_live_line = false;
}

static void put_object(struct json_object *object)
{
	autofree char *line = text_format("%s\n", json_line(object));

	put(line);
}

void report_begin(struct report *report, const char *stage)
{
	report->last_progress_at_ms = 0;
	if (report->style == REPORT_TERMINAL)
		put_live(report, stage, "");
}

void report_progress(struct report *report, const char *stage, const char *text)
{
	int64_t now_ms = clock_monotonic_ms();

	if (report->style != REPORT_TERMINAL ||
	    now_ms - report->last_progress_at_ms < PROGRESS_INTERVAL_MS)
		return;
	report->last_progress_at_ms = now_ms;
	put_live(report, stage, text);
}

static char *format_duration(int64_t duration_ms)
{
	if (duration_ms < 10000)
		return text_format("%lld ms", (long long)duration_ms);
	return text_format("%lld.%lld s", (long long)(duration_ms / 1000),
			   (long long)(duration_ms % 1000 / 100));
}

static void end_json(const char *stage, const char *state, int64_t duration_ms,
		     const char *detail)
{
	autojson struct json_object *object = json_new_object();

	json_set_string(object, "stage", stage);
	json_set_string(object, "state", state);
	json_set_integer(object, "duration_ms", duration_ms);
	json_set_string(object, "detail", detail);
	put_object(object);
}

void report_end(struct report *report, const char *stage, const char *state,
		int64_t duration_ms, const char *detail)
{
	autofree char *duration = format_duration(duration_ms);
	autofree char *line = NULL;

	if (report->style == REPORT_JSON) {
		end_json(stage, state, duration_ms, detail);
		return;
	}
	clear_live(report);
	/* What was not needed is no news to a person. */
	if (strcmp(state, "skipped") == 0)
		return;
	line = text_format("  %-14s %-7s %9s%s%s\n", stage, state, duration,
			   detail ? "  " : "", detail ? detail : "");
	put(line);
}

void report_summary(struct report *report, const char *verb, const char *result,
		    int64_t duration_ms, const char *detail)
{
	autojson struct json_object *object = NULL;
	autofree char *duration = format_duration(duration_ms);
	autofree char *line = NULL;

	if (report->style != REPORT_JSON) {
		clear_live(report);
		line = text_format("%s: %s in %s%s%s\n", verb, result, duration,
				   detail ? ": " : "", detail ? detail : "");
		put(line);
		return;
	}
	object = json_new_object();
	json_set_string(object, "verb", verb);
	json_set_string(object, "result", result);
	json_set_integer(object, "duration_ms", duration_ms);
	json_set_string(object, "detail", detail);
	put_object(object);
}

void report_text(const char *text)
{
	/*
	 * Somebody asked for this: it is waited for, and a reader that went away is no
	 * error.
	 */
	if (file_write_all(STDOUT_FILENO, text, strlen(text)) < 0)
		return;
}
