/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Stands where a helper is looked for, and becomes the real one: under strace if the
 * plan says so, else directly. A program and no script, because a helper is started by
 * execveat of a close-on-exec descriptor. The environment is stripped and the users
 * differ, so all it needs lies beside it:
 *
 *   real/NAME    the helper
 *   plan         lines "NAME K EXPRESSION [EXPRESSION]": strace's -e arguments for the
 *                K-th process of that helper in this run; 0 is every one of them
 *   log/NAME.K   made by the K-th process: the count of those before, and strace's output
 *   log/NAME.K.request   what it was asked for, where all of its processes are traced: a
 *                helper hides its memory, so that strace cannot show what it reads
 *
 * strace -D traces from a grandchild, so that the helper stays the supervisor's own child
 * with its process id, its parent-death signal and its exit status.
 */

#define PROCESSES_MAX 1000
#define FAILED_STATUS 126
#define WORD_BYTES 256
#define REQUEST_BYTES 65536

struct plan {
	char first[WORD_BYTES];
	char second[WORD_BYTES];
	int count; /* of expressions; 0: nothing is planned for this process */
	bool is_for_all;
};

static void fail(const char *what)
{
	(void)fprintf(stderr, "wrap: %s: %s\n", what, strerror(errno));
	exit(FAILED_STATUS);
}

/* Splits the path of this program into its directory and its name. */
static const char *find_self(char path[static PATH_MAX])
{
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;

	if (length < 0)
		fail("/proc/self/exe");
	path[length] = '\0';
	slash = strrchr(path, '/');
	*slash = '\0';
	return slash + 1;
}

/* Never freed: the program is another one in a moment. */
__attribute__((format(printf, 1, 2))) static char *text_of(const char *format, ...)
{
	va_list arguments;
	char *text = NULL;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		fail("memory");
	va_end(arguments);
	return text;
}

/* Which process of this helper we are: the first name in log/ that is still free. */
static int take_number(const char *directory, const char *name, char **ret_log)
{
	for (int number = 1; number <= PROCESSES_MAX; number++) {
		char *log = text_of("%s/log/%s.%d", directory, name, number);
		int fd = open(log, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

		if (fd >= 0) {
			(void)close(fd);
			*ret_log = log;
			return number;
		}
		if (errno != EEXIST)
			break;
	}
	fail("make a name in log");
	return 0;
}

static struct plan read_plan(const char *directory, const char *name, int number)
{
	char line[4 * WORD_BYTES], word[WORD_BYTES];
	struct plan plan = { .count = 0 };
	FILE *file = fopen(text_of("%s/plan", directory), "re");

	if (!file)
		fail("open the plan");
	while (plan.count == 0 && fgets(line, sizeof(line), file)) {
		int wanted = 0;
		int words = sscanf(line, "%255s %d %255s %255s", word, &wanted,
				   plan.first, plan.second);

		if (words >= 3 && strcmp(word, name) == 0 &&
		    (wanted == 0 || wanted == number)) {
			plan.count = words - 2;
			plan.is_for_all = wanted == 0;
		}
	}
	(void)fclose(file);
	return plan;
}

/* Without taking anything out of the pipe: tee(2) duplicates what is in there. */
static void keep_request(const char *log)
{
	static char request[REQUEST_BYTES];
	FILE *file = fopen(text_of("%s.request", log), "we");
	int pipes[2];
	ssize_t length;

	if (!file || pipe2(pipes, O_CLOEXEC) < 0)
		fail("make a place for the request");
	length = tee(STDIN_FILENO, pipes[1], sizeof(request), 0);
	if (length > 0)
		length = read(pipes[0], request, sizeof(request));
	if (length < 0)
		fail("duplicate the request");
	(void)fwrite(request, 1, (size_t)length, file);
	if (fclose(file) != 0)
		fail("write the request");
}

static void become_traced(char *real, char *log, struct plan *plan)
{
	char *one[] = { "strace", "-D", "-qq",       "-s", "4096", "-o",
			log,      "-e", plan->first, real, NULL };
	char *two[] = { "strace", "-D",        "-qq", "-s",         "4096", "-o", log,
			"-e",     plan->first, "-e",  plan->second, real,   NULL };

	(void)execvp("strace", plan->count == 2 ? two : one);
	fail("strace");
}

int main(int argument_count, char **arguments)
{
	char directory[PATH_MAX], *log = NULL;
	const char *name = find_self(directory);
	int number = take_number(directory, name, &log);
	struct plan plan = read_plan(directory, name, number);
	char *real = text_of("%s/real/%s", directory, name);

	(void)argument_count;
	if (plan.is_for_all)
		keep_request(log);
	if (plan.count > 0)
		become_traced(real, log, &plan);
	(void)execv(real, arguments);
	fail(real);
}
