/* SPDX-License-Identifier: MIT */
#include "loop/child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/identity.h"
#include "base/memory.h"
#include "loop/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

/*
 * What a child is given and how its end is told. Where it matters what the child really
 * has, the child is this program itself, started to describe its own state.
 */

#define DESCRIBE "--describe"
#define OUTPUT_MAX_BYTES 4096

static const char *const usual_environment[] = { "PATH=/usr/bin:/bin", NULL };

/* Runs a child to its end; what it wrote to the pipe, if it has one, goes to output. */
static void run(struct fixture *fixture, const struct child_spec *spec,
		struct child *ret_child)
{
	struct error err = { 0 };

	assert_int_equal(child_start(&fixture->loop, spec, ret_child, &err), 0);
	assert_int_equal(loop_wait(&fixture->loop, child_is_ended, ret_child,
				   deadline_in(5000), &err),
			 0);
	child_done(ret_child);
	/* no zombie stays */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void run_shell(struct fixture *fixture, const char *script,
		      struct child *ret_child)
{
	const char *const arguments[] = { "sh", "-c", script, NULL };
	const struct child_spec spec = { .arguments = arguments,
					 .environment = usual_environment,
					 .executable_fd = -1,
					 .fds = { -1, -1, -1, -1 } };

	run(fixture, &spec, ret_child);
}

static void take_output(int fds[2], char output[static OUTPUT_MAX_BYTES])
{
	ssize_t length;

	(void)close(fds[1]);
	length = read(fds[0], output, OUTPUT_MAX_BYTES - 1);
	(void)close(fds[0]);
	assert_true(length >= 0);
	output[length] = '\0';
}

static void end_is_told(void **state)
{
	struct child child;

	run_shell(*state, "exit 0", &child);
	assert_int_equal(child.exit_status, 0);
	run_shell(*state, "exit 3", &child);
	assert_int_equal(child.exit_status, 3);
	assert_int_equal(child.signal, 0);
	assert_int_equal(child.exec_error, 0);
	run_shell(*state, "kill -KILL $$", &child);
	assert_int_equal(child.exit_status, -1);
	assert_int_equal(child.signal, SIGKILL);
	/* a status of 127 of its own is no failed start */
	run_shell(*state, "exit 127", &child);
	assert_int_equal(child.exit_status, 127);
	assert_int_equal(child.exec_error, 0);
}

static int exec_error_of(struct fixture *fixture, const char *program,
			 const char *directory)
{
	const char *const arguments[] = { program, NULL };
	const struct child_spec spec = { .arguments = arguments,
					 .environment = usual_environment,
					 .executable_fd = -1,
					 .directory = directory,
					 .fds = { -1, -1, -1, -1 } };
	struct child child;

	run(fixture, &spec, &child);
	assert_int_equal(child.exit_status, child.exec_error ? 127 : 0);
	return child.exec_error;
}

static void failed_start_is_told_by_its_errno(void **state)
{
	assert_int_equal(exec_error_of(*state, "true", NULL), 0);
	assert_int_equal(exec_error_of(*state, "no-such-program", NULL), ENOENT);
	assert_int_equal(exec_error_of(*state, "/etc/passwd", NULL), EACCES);
	assert_int_equal(exec_error_of(*state, "true", "/nowhere"), ENOENT);
	assert_int_equal(exec_error_of(*state, "true", "/etc/passwd"), ENOTDIR);
}

static void environment_is_what_was_given(void **state)
{
	static const char *const environment[] = { "B=with blank", "A=", NULL };
	const char *const arguments[] = { "/usr/bin/env", NULL };
	char output[OUTPUT_MAX_BYTES];
	struct child child;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	{
		const struct child_spec spec = { .arguments = arguments,
						 .environment = environment,
						 .executable_fd = -1,
						 .fds = { -1, fds[1], -1, -1 } };

		run(*state, &spec, &child);
	}
	take_output(fds, output);
	assert_string_equal(output, "B=with blank\nA=\n");
}

static void program_is_sought_in_the_given_path(void **state)
{
	static const char *const elsewhere[] = { "PATH=/nowhere", NULL };
	const char *const arguments[] = { "true", NULL };
	struct child_spec spec = { .arguments = arguments,
				   .environment = elsewhere,
				   .executable_fd = -1,
				   .fds = { -1, -1, -1, -1 } };
	struct child child;

	run(*state, &spec, &child);
	assert_int_equal(child.exec_error, ENOENT);
	/* a descriptor needs no path */
	spec.executable_fd = open("/bin/true", O_PATH | O_CLOEXEC);
	run(*state, &spec, &child);
	(void)close(spec.executable_fd);
	assert_int_equal(child.exec_error, 0);
	assert_int_equal(child.exit_status, 0);
}

/* ---- this program, describing itself as a child */

static unsigned long long status_mask(const char *name)
{
	char line[256];
	unsigned long long mask = 0;
	FILE *status = fopen("/proc/self/status", "re");

	while (status && fgets(line, sizeof(line), status))
		if (strncmp(line, name, strlen(name)) == 0)
			mask = strtoull(line + strlen(name) + 1, NULL, 16);
	if (status)
		(void)fclose(status);
	/* libc keeps 32 and 33 for itself and lets nobody reset them */
	return mask & ~(3ULL << 31);
}

static int describe_myself(void)
{
	gid_t groups[64];
	mode_t mask = umask(0);
	struct rlimit core = { 0 };
	struct stat status;
	char cwd[256] = "";

	for (int fd = 0; fd < 256; fd++)
		if (fstat(fd, &status) == 0)
			(void)dprintf(1, "fd%d=%llu ", fd,
				      (unsigned long long)status.st_ino);
	if (!getcwd(cwd, sizeof(cwd)))
		return 1;
	(void)dprintf(1, "cwd=%s umask=%03o session=%d uid=%d gid=%d groups=%d nnp=%d ",
		      cwd, (unsigned int)mask, getsid(0) == getpid(), (int)getuid(),
		      (int)getgid(), getgroups(64, groups),
		      prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	(void)getrlimit(RLIMIT_CORE, &core);
	(void)dprintf(1, "blocked=%llx ignored=%llx core=%d", status_mask("SigBlk"),
		      status_mask("SigIgn"), core.rlim_max > 1);
	return 0;
}

/* The output descriptor is the one of `fds` that stands at index 1. */
static void describe(struct fixture *fixture, struct child_spec *spec)
{
	static const char *const arguments[] = { "describe", DESCRIBE, NULL };
	struct child child;

	spec->arguments = arguments;
	spec->environment = usual_environment;
	spec->executable_fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	run(fixture, spec, &child);
	(void)close(spec->executable_fd);
	assert_int_equal(child.exec_error, 0);
	assert_int_equal(child.exit_status, 0);
}

static unsigned long long inode_of(int fd)
{
	struct stat status = { 0 };

	(void)fstat(fd, &status);
	return status.st_ino;
}

static void child_starts_from_a_clean_state(void **state)
{
	char output[OUTPUT_MAX_BYTES], expected[OUTPUT_MAX_BYTES];
	unsigned long long null_inode;
	struct stat status;
	int fds[2], litter = open("/dev/zero", O_RDONLY); /* not even close-on-exec */

	assert_int_equal(stat("/dev/null", &status), 0);
	null_inode = status.st_ino;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	(void)snprintf(expected, sizeof(expected),
		       "fd0=%llu fd1=%llu fd2=%llu cwd=/ umask=022 session=0 uid=%d "
		       "gid=%d groups=%d nnp=0 blocked=0 ignored=0 core=",
		       null_inode, inode_of(fds[1]), null_inode, (int)getuid(),
		       (int)getgid(), getgroups(0, NULL));
	{
		struct child_spec spec = { .fds = { -1, fds[1], -1, -1 } };

		describe(*state, &spec);
	}
	(void)close(litter);
	take_output(fds, output);
	assert_memory_equal(output, expected, strlen(expected));
}

static void what_is_asked_for_is_set(void **state)
{
	struct identity identity;
	struct error err = { 0 };
	char output[OUTPUT_MAX_BYTES], expected[OUTPUT_MAX_BYTES];
	int fds[2], lock = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	/* not root: everybody is oneself */
	assert_int_equal(identity_init(&identity, "daemon", &err), 0);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	(void)snprintf(expected, sizeof(expected),
		       "fd3=%llu cwd=/tmp umask=022 session=1 uid=%d gid=%d groups=%d "
		       "nnp=1 blocked=0 ignored=0 core=0",
		       inode_of(lock), (int)identity.uid, (int)identity.gid,
		       geteuid() == 0 ? (int)identity.group_count : getgroups(0, NULL));
	{
		struct child_spec spec = { .fds = { -1, fds[1], fds[1], lock },
					   .directory = "/tmp",
					   .identity = &identity,
					   .no_new_privileges = true,
					   .dies_with_parent = true,
					   .has_no_core = true,
					   .has_own_session = true };

		describe(*state, &spec);
	}
	(void)close(lock);
	identity_done(&identity);
	take_output(fds, output);
	assert_non_null(strstr(output, expected));
}

/*
 * A process whose own files stand at 0-3 hands them on in another order. It is forked for
 * it: the test's loop and the report of the tests have their places there.
 */
static void hand_on_permuted(const int files[static CHILD_FD_COUNT])
{
	static const char *const arguments[] = { "describe", DESCRIBE, NULL };
	struct child_spec spec = { .arguments = arguments,
				   .environment = usual_environment,
				   .fds = { 3, 0, 1, 2 } };
	struct loop loop;
	struct child child;
	struct error err;

	for (int i = 0; i < CHILD_FD_COUNT; i++)
		if (dup2(fcntl(files[i], F_DUPFD_CLOEXEC, 50 + i), i + 30) < 0)
			_exit(1);
	for (int i = 0; i < CHILD_FD_COUNT; i++)
		if (dup2(i + 30, i) < 0)
			_exit(2);
	spec.executable_fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	if (loop_init(&loop, &err) < 0 || child_start(&loop, &spec, &child, &err) < 0)
		_exit(3);
	if (loop_wait(&loop, child_is_ended, &child, deadline_in(5000), &err) < 0)
		_exit(4);
	_exit(child.exit_status);
}

static void descriptors_may_collide(void **state)
{
	char output[OUTPUT_MAX_BYTES], expected[OUTPUT_MAX_BYTES];
	int fds[2], files[CHILD_FD_COUNT], status = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	files[0] = fds[1];
	files[1] = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	files[2] = open("/etc/group", O_RDONLY | O_CLOEXEC);
	files[3] = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	(void)snprintf(expected, sizeof(expected),
		       "fd0=%llu fd1=%llu fd2=%llu fd3=%llu cwd", inode_of(files[3]),
		       inode_of(files[0]), inode_of(files[1]), inode_of(files[2]));
	pid = fork();
	if (pid == 0)
		hand_on_permuted(files);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	for (int i = 1; i < CHILD_FD_COUNT; i++)
		(void)close(files[i]);
	take_output(fds, output);
	assert_memory_equal(output, expected, strlen(expected));
}

/* A service may be started with standard input closed: our pipes then begin at 0. */
static void closed_standard_input_is_no_trap(void **state)
{
	int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 20);
	struct child child;

	(void)close(STDIN_FILENO);
	run_shell(*state, "read line; test $? = 1", &child);
	(void)dup2(saved, STDIN_FILENO);
	(void)close(saved);
	assert_int_equal(child.exec_error, 0);
	assert_int_equal(child.exit_status, 0);
}

static void done_takes_a_zeroed_and_a_done_one(void **state)
{
	struct child child = { 0 };

	(void)state;
	assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
	child_done(&child);
	child_done(&child);
	assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
}

static void limits_are_made_alike(void **state)
{
	static const char *const arguments[] = {
		"sh", "-c", "ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Sp; ulimit -Hp",
		NULL
	};
	const struct child_limits limits = { .open_files_soft = 100,
					     .open_files_hard = 200,
					     .tasks_max = 3000 };
	/* above what anybody may set (proc(5), nr_open): as far as it goes */
	const struct child_limits beyond = { .open_files_soft = 100,
					     .open_files_hard = INT64_C(1) << 40 };
	struct rlimit ours;
	char output[OUTPUT_MAX_BYTES], expected[OUTPUT_MAX_BYTES];
	struct child child;
	int fds[2];

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &ours), 0);
	(void)snprintf(expected, sizeof(expected),
		       "100\n200\n0\n3000\n3000\n100\n%llu\n0\n",
		       (unsigned long long)ours.rlim_max);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	{
		struct child_spec spec = { .arguments = arguments,
					   .environment = usual_environment,
					   .executable_fd = -1,
					   .limits = &limits,
					   .fds = { -1, fds[1], fds[1], -1 } };

		run(*state, &spec, &child);
		spec.limits = &beyond;
		run(*state, &spec, &child);
	}
	take_output(fds, output);
	assert_memory_equal(output, expected, strlen(expected));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		fixture_test(end_is_told),
		fixture_test(failed_start_is_told_by_its_errno),
		fixture_test(environment_is_what_was_given),
		fixture_test(program_is_sought_in_the_given_path),
		fixture_test(child_starts_from_a_clean_state),
		fixture_test(what_is_asked_for_is_set),
		fixture_test(descriptors_may_collide),
		fixture_test(closed_standard_input_is_no_trap),
		fixture_test(limits_are_made_alike),
		cmocka_unit_test(done_takes_a_zeroed_and_a_done_one),
	};

	if (argc > 1 && strcmp(argv[1], DESCRIBE) == 0)
		return describe_myself();
	return cmocka_run_group_tests_name("loop_child", tests, NULL, NULL);
}
