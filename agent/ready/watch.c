/* SPDX-License-Identifier: MIT */
#include "ready/watch.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/config.h"
#include "ready/unit.h"
#include "release/release_types.h"
#include "run/run.h"
#include "setup/setup_types.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * readiness.unit in a run: whether its workers must be new, whether it has died. A
 * service manager may leave a gap between an end and the next start (Restart=); a gap
 * that lasts is no gap, and nothing is won by probing until the time is over.
 */

#define GAP_MAX_MS 5000

/*
 * The kernel tells where a process works with links resolved. Only what is root's is
 * resolved by path: deploy_to itself, and not what the application's user has in it.
 */
static char *find_directory(const struct run *run)
{
	autofree char *deploy_to = realpath(run->setup->deploy_to, NULL);

	return text_format("%s/releases/%s",
			   deploy_to ? deploy_to : run->setup->deploy_to,
			   run->release->name);
}

int watch_init(struct watch *watch, struct run *run, struct error *err)
{
	*watch = (struct watch){
		.run = run,
		.proc_fd = -1,
		.must_be_new = run->release->activated_ms > 0 &&
			!run->config->readiness.revision_header,
	};
	if (!run->config->readiness.unit)
		return 0;
	watch->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (watch->proc_fd < 0)
		return error_set(err, errno,
				 "open /proc, where readiness.unit is looked for: %s",
				 strerror(errno));
	watch->directory = find_directory(run);
	return 0;
}

void watch_done(struct watch *watch)
{
	memory_close_fd(&watch->proc_fd);
	free(watch->directory);
}

/* Whether it had processes, and has had none for too long. */
static bool has_died(struct watch *watch, const struct unit_answer *answer)
{
	if (answer->process_count > 0)
		watch->seen_at_ms = clock_monotonic_ms();
	return watch->seen_at_ms > 0 &&
		clock_monotonic_ms() - watch->seen_at_ms >= GAP_MAX_MS;
}

static int judge(struct watch *watch, const struct unit_answer *answer, struct error *err)
{
	const char *unit = watch->run->config->readiness.unit;
	int result;

	if (has_died(watch, answer))
		return error_set(err, ESRCH,
				 "%s has ended and was not started again within %d s: "
				 "'journalctl -u %s' says why",
				 unit, GAP_MAX_MS / 1000, unit);
	if (!watch->must_be_new)
		return 0;
	result = unit_judge(unit, answer, err);
	if (result == -EACCES && !watch->has_told) {
		watch->has_told = true;
		run_warn(watch->run, err->text);
	}
	return result;
}

int watch_look(struct watch *watch, struct error *err)
{
	const struct run *run = watch->run;
	const struct unit_question question = {
		.unit = run->config->readiness.unit,
		.since_ms = run->release->activated_ms,
		.directory = watch->directory,
	};
	struct unit_answer answer;
	int result;

	if (watch->proc_fd < 0)
		return 0;
	result = unit_look(watch->proc_fd, &question, &answer, err);
	return result < 0 ? result : judge(watch, &answer, err);
}
