/* SPDX-License-Identifier: MIT */
#include "steps/output.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "run/run.h"

#include <string.h>

/*
 * The output of one step. It may hold what is secret in a form that nobody blanks, so its
 * file is for root alone, on a file system that is gone with the boot.
 */

#define SHOW_INTERVAL_MS 200
#define FILE_MODE 0600

void output_init(struct output *output, struct run *run, const char *step,
		 bool is_one_of_many)
{
	*output = (struct output){ .run = run,
				   .step = step,
				   .is_one_of_many = is_one_of_many };
	tail_init(&output->tail, run->secrets);
	forward_init(&output->forward, &run->log, run->secrets, step, is_one_of_many);
}

static void show(struct output *output)
{
	struct run *run = output->run;
	autofree char *line = NULL;
	autofree char *text = NULL;

	if (run->report.style != REPORT_TERMINAL ||
	    clock_monotonic_ms() - output->shown_at_ms < SHOW_INTERVAL_MS)
		return;
	line = tail_last_line(&output->tail, run->secrets);
	if (!line)
		return;
	output->shown_at_ms = clock_monotonic_ms();
	text = output->is_one_of_many ? text_format("%s: %s", output->step, line)
				      : text_copy(line);
	report_progress(&run->report, run->stage, text);
}

void output_add(struct output *output, const char *data, size_t length_bytes)
{
	tail_add(&output->tail, data, length_bytes);
	forward_add(&output->forward, data, length_bytes);
	show(output);
}

void output_end(struct output *output)
{
	struct run *run = output->run;
	autofree char *text = tail_text(&output->tail, run->secrets);
	autofree char *name = text_format("%s.log", output->step);
	struct error err = { 0 };

	forward_end(&output->forward);
	if (file_write(run->places.steps_fd, name, text, FILE_MODE, FILE_VOLATILE, &err) <
	    0)
		run_warn(run, err.text);
}

void output_tell(struct output *output)
{
	if (forward_is_complete(&output->forward))
		return;
	free(output->run->step_output);
	output->run->step_output = tail_text(&output->tail, output->run->secrets);
}

char *output_place(const struct output *output)
{
	const char *root = output->run->places.root;

	if (output->tail.total_bytes == 0)
		return NULL;
	return text_format("%s/run/bootagent/steps/%s.log",
			   strcmp(root, "/") == 0 ? "" : root, output->step);
}

void output_done(struct output *output)
{
	tail_done(&output->tail);
	forward_done(&output->forward);
}
