/* SPDX-License-Identifier: MIT */
#include "ready/unit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/scratch.h"
#include "base/text.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A /proc of our own making: the files of it that are read. */

#define UNIT "puma.service"
#define CGROUP "0::/system.slice/" UNIT "\n"
#define RELEASE "/srv/api/releases/2026"

struct made {
	int pid, parent;
	int64_t start_ms;
	const char *cgroup; /* NULL: no such file, it has just ended */
	const char *cwd;
	char state; /* 0: S */
};

static void make(const struct scratch *scratch, const struct made *made)
{
	autofree char *directory = text_format("%d", made->pid);
	autofree char *stat_name = text_format("%d/stat", made->pid);
	autofree char *cgroup_name = text_format("%d/cgroup", made->pid);
	autofree char *cwd_name = text_format("%d/cwd", made->pid);
	autofree char *text = text_format(
		"%d (puma: a) b) %c %d 1 1 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 %lld 1 2\n",
		made->pid, made->state ? made->state : 'S', made->parent,
		(long long)(made->start_ms * sysconf(_SC_CLK_TCK) / 1000));

	assert_int_equal(mkdirat(scratch->fd, directory, 0755), 0);
	assert_int_equal(scratch_put(scratch, stat_name, text, strlen(text)), 0);
	if (made->cgroup)
		assert_int_equal(scratch_put(scratch, cgroup_name, made->cgroup,
					     strlen(made->cgroup)),
				 0);
	if (made->cwd)
		assert_int_equal(symlinkat(made->cwd, scratch->fd, cwd_name), 0);
}

static struct unit_answer look(const struct scratch *scratch, const struct made *made,
			       size_t count)
{
	const struct unit_question question = { UNIT, 100000, RELEASE };
	struct unit_answer answer = { 0 };
	struct error err = { 0 };

	for (size_t i = 0; i < count; i++)
		make(scratch, &made[i]);
	assert_int_equal(unit_look(scratch->fd, &question, &answer, &err), 0);
	return answer;
}

static void expect_judgement(const struct unit_answer *answer, int code, const char *word)
{
	struct error err = { 0 };

	assert_int_equal(unit_judge(UNIT, answer, &err), code);
	if (word)
		assert_non_null(strstr(err.text, word));
}

static void a_master_may_be_old_and_its_workers_may_not(void **state)
{
	static const struct made made[] = {
		{ .pid = 1, .cgroup = "0::/init.scope\n" },
		{ .pid = 10, .parent = 1, .start_ms = 5000, .cgroup = CGROUP },
		{ .pid = 11, .parent = 10, .start_ms = 6000, .cgroup = CGROUP },
		{ .pid = 12, .parent = 10, .start_ms = 5500, .cgroup = CGROUP },
		{ .pid = 13, .parent = 10, .start_ms = 120000, .cgroup = CGROUP },
		{ .pid = 20, .parent = 1, .start_ms = 1, .cgroup = "0::/a.service\n" },
	};
	struct unit_answer answer = look(*state, made, ARRAY_COUNT(made));

	assert_int_equal(answer.process_count, 4);
	assert_int_equal(answer.worker_count, 3);
	assert_int_equal(answer.old_count, 2);
	assert_int_equal(answer.oldest, 12);
	assert_false(answer.is_hidden);
	expect_judgement(&answer, -ESTALE, "2 of 3 workers of " UNIT);
	expect_judgement(&answer, -ESTALE, "the oldest is pid 12");
}

static void new_ones_and_those_in_the_release_are_good(void **state)
{
	static const struct made made[] = {
		{ .pid = 10, .parent = 1, .start_ms = 5000, .cgroup = CGROUP },
		{ .pid = 11, .parent = 10, .start_ms = 100010, .cgroup = CGROUP },
		{ .pid = 12,
		  .parent = 10,
		  .start_ms = 5,
		  .cgroup = CGROUP,
		  .cwd = RELEASE },
		{ .pid = 13,
		  .parent = 10,
		  .start_ms = 5,
		  .cgroup = CGROUP,
		  .cwd = RELEASE "/public" },
	};
	struct unit_answer answer = look(*state, made, ARRAY_COUNT(made));

	assert_int_equal(answer.worker_count, 3);
	assert_int_equal(answer.old_count, 0);
	expect_judgement(&answer, 0, NULL);
}

static void another_release_is_not_the_new_one(void **state)
{
	static const struct made made[] = {
		{ .pid = 11, .start_ms = 5, .cgroup = CGROUP, .cwd = RELEASE "1" },
		{ .pid = 12,
		  .start_ms = 5,
		  .cgroup = CGROUP,
		  .cwd = RELEASE " (deleted)" },
		{ .pid = 13, .start_ms = 5, .cgroup = CGROUP, .cwd = "/" },
	};

	assert_int_equal(look(*state, made, ARRAY_COUNT(made)).old_count, 3);
}

static void one_of_the_tick_of_the_flip_may_be_old(void **state)
{
	static const struct made made[] = {
		{ .pid = 11, .start_ms = 100000, .cgroup = CGROUP },
	};

	assert_int_equal(look(*state, made, ARRAY_COUNT(made)).old_count, 1);
}

static void a_single_process_is_its_own_worker(void **state)
{
	static const struct made made[] = {
		{ .pid = 10, .parent = 1, .start_ms = 5000, .cgroup = CGROUP },
	};
	struct unit_answer answer = look(*state, made, ARRAY_COUNT(made));

	assert_int_equal(answer.worker_count, 1);
	assert_int_equal(answer.old_count, 1);
}

static void what_ends_meanwhile_is_passed_over(void **state)
{
	static const struct made made[] = {
		{ .pid = 10, .parent = 1, .start_ms = 5 },
		{ .pid = 11, .parent = 1, .start_ms = 5, .cgroup = CGROUP, .state = 'Z' },
	};
	struct unit_answer answer = look(*state, made, ARRAY_COUNT(made));

	assert_int_equal(answer.process_count, 0);
	expect_judgement(&answer, -ENOENT, UNIT " has no process");
}

static void a_unit_is_known_by_a_whole_component(void **state)
{
	static const struct made made[] = {
		{ .pid = 2, .cgroup = "0::/system.slice/xpuma.service\n" },
		{ .pid = 3, .cgroup = "0::/system.slice/puma.service.d\n" },
		{ .pid = 4, .cgroup = "0::/\n" },
		{ .pid = 5, .cgroup = "1:pids:/puma.service\n0::/\n" },
		{ .pid = 6, .cgroup = "puma.service" },
		{ .pid = 7, .cgroup = "" },
		{ .pid = 11, .cgroup = CGROUP },
		{ .pid = 12, .cgroup = "0::/system.slice/puma.service/.control\n" },
		{ .pid = 13, .cgroup = "0::/system.slice/_puma.service\n" },
		{ .pid = 14,
		  .cgroup =
			  "9:pids:/\n1:name=systemd:/system.slice/puma.service\n0::/\n" },
	};

	assert_int_equal(look(*state, made, ARRAY_COUNT(made)).process_count, 4);
}

static void hidden_processes_are_told(void **state)
{
	const struct unit_answer hidden = { .is_hidden = true };

	(void)state;
	expect_judgement(&hidden, -EACCES, "hidepid");
}

/* As everybody sees it: this process is in no unit of that name. */
static void the_real_proc(void **state)
{
	autoclose int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct unit_question question = { "no-such.service", 0, "/" };
	struct unit_answer answer = { 0 };
	struct error err = { 0 };

	(void)state;
	assert_int_equal(unit_look(fd, &question, &answer, &err), 0);
	assert_int_equal(answer.process_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(a_master_may_be_old_and_its_workers_may_not),
		scratch_test(new_ones_and_those_in_the_release_are_good),
		scratch_test(another_release_is_not_the_new_one),
		scratch_test(one_of_the_tick_of_the_flip_may_be_old),
		scratch_test(a_single_process_is_its_own_worker),
		scratch_test(what_ends_meanwhile_is_passed_over),
		scratch_test(a_unit_is_known_by_a_whole_component),
		cmocka_unit_test(hidden_processes_are_told),
		cmocka_unit_test(the_real_proc),
	};

	return cmocka_run_group_tests_name("ready_unit", tests, NULL, NULL);
}
