/* SPDX-License-Identifier: MIT */
#include "state/releases.h"

#include "base/file.h"
#include "base/json.h"
#include "invariants.h"
#include "state/gate.h"
#include "state/runfile.h"
#include "state/verdicts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/*
 * The agent's own files, damaged in any way: the first byte says which one it is, the
 * rest is its content. What is loaded is whole, and saved and loaded again the same.
 */

#define BOOT_ID "6f2e1b0c-5d4a-4c3b-9a8f-7e6d5c4b3a29"

/* In memory, since every save is synced; below a chroot there may be no such place. */
static char in_memory[] = "/dev/shm/bootagent-fuzz-XXXXXX";
static char on_disk[] = "/tmp/bootagent-fuzz-XXXXXX";
static const char *directory;
static int input_fd = -1, saved_fd = -1;

static void check_releases(void);
static void check_verdict(void);
static void check_run(void);
static void check_gate(void);

static const struct {
	const char *name;
	void (*check)(void);
} files[] = {
	{ "releases.json", check_releases },
	{ "verdict.json", check_verdict },
	{ "run.json", check_run },
	{ "synced", check_gate },
};

static void remove_directory(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
		(void)unlinkat(input_fd, files[i].name, 0);
		(void)unlinkat(saved_fd, files[i].name, 0);
	}
	(void)unlinkat(input_fd, "saved", AT_REMOVEDIR);
	(void)rmdir(directory);
}

static void make_directory(void)
{
	directory = mkdtemp(in_memory);
	if (!directory)
		directory = mkdtemp(on_disk);
	assert(directory);
	input_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert(mkdirat(input_fd, "saved", 0700) == 0);
	saved_fd = openat(input_fd, "saved", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert(saved_fd >= 0 && atexit(remove_directory) == 0);
}

static void write_input(const char *name, const uint8_t *data, size_t size_bytes)
{
	autoclose int fd =
		openat(input_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert(fd >= 0 && file_write_all(fd, (const char *)data, size_bytes) == 0);
}

static void check_record(const struct release_record *a, const struct release_record *b)
{
	assert(text_is_name(a->name) && text_is_revision(a->revision));
	assert(text_is_equal(a->name, b->name));
	assert(text_is_equal(a->revision, b->revision));
	assert(text_is_equal(a->instance_id, b->instance_id));
	assert(text_is_equal(a->boot_id, b->boot_id));
	assert(a->state == b->state);
}

static bool is_same(const struct failure *a, const struct failure *b)
{
	return text_is_equal(a->revision, b->revision) &&
		text_is_equal(a->digest, b->digest) &&
		text_is_equal(a->instance_id, b->instance_id) &&
		text_is_equal(a->boot_id, b->boot_id) && a->cause == b->cause &&
		text_is_equal(a->reason, b->reason) && a->is_bad == b->is_bad &&
		a->count == b->count && a->at_ms == b->at_ms &&
		a->until_ms == b->until_ms;
}

/* In the order of their times; those of one time in any. */
static void check_failures(const struct failures *failures, const struct failures *again)
{
	assert(failures->count == again->count);
	for (size_t i = 0; i < failures->count; i++) {
		const struct failure *failure = &failures->items[i];
		size_t j = 0;

		assert(text_is_revision(failure->revision) && failure->count > 0);
		while (j < again->count && !is_same(failure, &again->items[j]))
			j++;
		assert(j < again->count);
	}
}

static void check_releases(void)
{
	struct releases releases = { 0 }, again = { 0 };
	struct error err = { 0 };
	int result = releases_load(input_fd, &releases, &err);

	if (result < 0) {
		check_error(result, &err);
		assert(result == -EBADMSG && !releases.items);
		return;
	}
	assert(releases_save(saved_fd, &releases, &err) == 0);
	assert(releases_load(saved_fd, &again, &err) == 0);
	assert(releases.count == again.count);
	for (size_t i = 0; i < releases.count; i++) {
		check_record(&releases.items[i], &again.items[i]);
		assert(releases_find(&releases, releases.items[i].name) ==
		       &releases.items[i]);
	}
	check_failures(&releases.failures, &again.failures);
	releases_done(&releases);
	releases_done(&again);
}

static void check_verdict(void)
{
	struct stored_verdict verdict, again;
	struct error err = { 0 };

	assert(verdict_load(input_fd, &verdict, &err) == 0);
	if (verdict.state != VERDICT_NONE) {
		assert(text_is_equal(verdict.result, "CONTINUE") ||
		       text_is_equal(verdict.result, "ABANDON"));
		assert(verdict_save(saved_fd, &verdict, &err) == 0);
		assert(verdict_load(saved_fd, &again, &err) == 0);
		assert(again.state == verdict.state &&
		       again.sequence == verdict.sequence &&
		       again.decided_at_ms == verdict.decided_at_ms &&
		       text_is_equal(again.instance_id, verdict.instance_id) &&
		       text_is_equal(again.hook, verdict.hook) &&
		       text_is_equal(again.result, verdict.result));
		verdict_done(&again);
	}
	verdict_done(&verdict);
}

static void check_run(void)
{
	autojson struct json_object *status = NULL;
	struct runfile_notes notes;
	struct error err = { 0 };
	int result = runfile_load(input_fd, BOOT_ID, &status, &notes, &err);

	if (result < 0) {
		check_error(result, &err);
		assert(result == -ENOENT && !status);
		return;
	}
	assert(text_is_equal(json_string(status, "boot_id"), BOOT_ID));
	assert(!json_object_object_get_ex(status, "writer", NULL));
	assert(!strpbrk(json_line(status), "\r\n"));
}

static void check_gate(void)
{
	autofree char *revision = gate_revision(input_fd, BOOT_ID);

	assert(!revision || text_is_revision(revision));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	size_t index = size_bytes > 0 ? data[0] % ARRAY_COUNT(files) : 0;

	if (size_bytes == 0)
		return 0;
	if (input_fd < 0)
		make_directory();
	write_input(files[index].name, data + 1, size_bytes - 1);
	files[index].check();
	return 0;
}
