/* SPDX-License-Identifier: MIT */
#include "git/manifest.h"

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/*
 * What an export left behind, so that the next one can tell which files are untouched: a
 * record a file, ended by a NUL, in the tree's order, so that two walks side by side need
 * no table:
 *
 *   bootagent-manifest 1 REVISION
 *   BLOB SIZE MTIME-NS CTIME-NS INODE PATH
 *   end COUNT
 *
 * It belongs to the application's user, who may write into it what he likes, as he may
 * into the release itself: it names no file that is opened, it only says whether the one
 * at the tree's own path is worth a look. A wrong one costs speed, or gives the user the
 * contents that he put there.
 */

#define HEADER "bootagent-manifest 1 "
#define MANIFEST_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define MANIFEST_MODE 0644
#define NS_PER_S INT64_C(1000000000)

static int64_t to_ns(struct timespec time)
{
	return (int64_t)time.tv_sec * NS_PER_S + time.tv_nsec;
}

/* The number at *text and the blank behind it; false: there is no such thing. */
static bool take_number(const char **text, int64_t *ret_number)
{
	char *end;

	*ret_number = strtoll(*text, &end, 10);
	if (end == *text || *end != ' ')
		return false;
	*text = end + 1;
	return true;
}

static bool parse_entry(const char *record, struct manifest_entry *ret_entry)
{
	struct manifest_entry entry;
	int64_t inode;

	if (strnlen(record, GIT_OID_HEXSZ + 1) <= GIT_OID_HEXSZ ||
	    record[GIT_OID_HEXSZ] != ' ' ||
	    git_oid_fromstrn(&entry.id, record, GIT_OID_HEXSZ) < 0)
		return false;
	record += GIT_OID_HEXSZ + 1;
	if (!take_number(&record, &entry.size_bytes) ||
	    !take_number(&record, &entry.mtime_ns) ||
	    !take_number(&record, &entry.ctime_ns) || !take_number(&record, &inode))
		return false;
	entry.inode = (uint64_t)inode;
	entry.path = record;
	*ret_entry = entry;
	return true;
}

static void advance(struct manifest *manifest)
{
	const char *record = manifest->next;

	manifest->has_entry =
		record < manifest->end && parse_entry(record, &manifest->entry);
	if (manifest->has_entry)
		manifest->next = record + strlen(record) + 1;
}

/* The last record tells a manifest that was cut, whatever it was cut by. */
static bool find_end(struct manifest *manifest, size_t length_bytes)
{
	const char *last;
	int64_t count = 0, said;

	if (length_bytes < 2 || manifest->data[length_bytes - 1] != '\0')
		return false;
	last = memrchr(manifest->data, '\0', length_bytes - 1);
	if (!last || sscanf(last + 1, "end %" SCNd64, &said) != 1)
		return false;
	manifest->end = last + 1;
	for (const char *p = manifest->next; p < manifest->end; p += strlen(p) + 1)
		count++;
	return count == said;
}

bool manifest_load(struct manifest *manifest, int dir_fd, const char *name,
		   const char *revision)
{
	struct error ignored;
	size_t length_bytes = 0;

	*manifest = (struct manifest){ 0 };
	if (file_read(dir_fd, name, MANIFEST_MAX_BYTES, &manifest->data, &length_bytes,
		      &ignored) < 0)
		return false;
	if (strncmp(manifest->data, HEADER, strlen(HEADER)) != 0 ||
	    strcmp(manifest->data + strlen(HEADER), revision) != 0)
		return false;
	manifest->next = manifest->data + strlen(manifest->data) + 1;
	if (manifest->next > manifest->data + length_bytes ||
	    !find_end(manifest, length_bytes))
		return false;
	advance(manifest);
	return true;
}

void manifest_done(struct manifest *manifest)
{
	free(manifest->data);
	*manifest = (struct manifest){ 0 };
}

const struct manifest_entry *manifest_seek(struct manifest *manifest, const char *path)
{
	while (manifest->has_entry && strcmp(manifest->entry.path, path) < 0)
		advance(manifest);
	if (!manifest->has_entry || strcmp(manifest->entry.path, path) != 0)
		return NULL;
	return &manifest->entry;
}

bool manifest_is_same(const struct manifest_entry *entry, const struct stat *status,
		      bool is_ctime_needed)
{
	return S_ISREG(status->st_mode) && entry->inode == status->st_ino &&
		entry->size_bytes == status->st_size &&
		entry->mtime_ns == to_ns(status->st_mtim) &&
		(!is_ctime_needed || entry->ctime_ns == to_ns(status->st_ctim));
}

static void check(int written)
{
	if (written < 0)
		abort();
}

void manifest_begin(struct manifest_maker *maker, const char *revision)
{
	*maker = (struct manifest_maker){ 0 };
	maker->file = open_memstream(&maker->data, &maker->length_bytes);
	if (!maker->file)
		abort();
	check(fprintf(maker->file, HEADER "%s%c", revision, '\0'));
}

void manifest_add(struct manifest_maker *maker, const char *path, const git_oid *id,
		  const struct stat *status)
{
	char hex[GIT_OID_HEXSZ + 1];

	if (!maker->file)
		return;
	check(fprintf(maker->file,
		      "%s %" PRId64 " %" PRId64 " %" PRId64 " %" PRIu64 " %s%c",
		      git_oid_tostr(hex, sizeof(hex), id), (int64_t)status->st_size,
		      to_ns(status->st_mtim), to_ns(status->st_ctim),
		      (uint64_t)status->st_ino, path, '\0'));
	maker->count++;
}

void manifest_drop(struct manifest_maker *maker)
{
	if (maker->file)
		(void)fclose(maker->file);
	free(maker->data);
	*maker = (struct manifest_maker){ 0 };
}

int manifest_save(struct manifest_maker *maker, int dir_fd, const char *name,
		  struct error *err)
{
	struct file_content content = { .mode = MANIFEST_MODE };
	int result;

	check(fprintf(maker->file, "end %" PRId64 "%c", maker->count, '\0'));
	check(fflush(maker->file));
	content.data = maker->data;
	content.length_bytes = maker->length_bytes;
	result = file_write_bytes(dir_fd, name, &content, FILE_VOLATILE, err);
	manifest_drop(maker);
	return result;
}
