/* SPDX-License-Identifier: MIT */
#include "git/abbrev.h"

#include "base/memory.h"
#include "base/text.h"
#include "git/handles.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/*
 * Short ids as git writes them. It lets their length grow with the repository, by the
 * number of objects in the packs, which stands in a fixed place of each pack's index
 * (gitformat-pack(5)).
 */

#define LENGTH_MIN 7
#define INDEX_SUFFIX ".idx"
#define FANOUT_LAST_BYTES (8 + 255 * 4)

static uint32_t count_in_index(int dir_fd, const char *name)
{
	autoclose int fd =
		openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	uint32_t count;

	if (fd < 0 ||
	    pread(fd, &count, sizeof(count), FANOUT_LAST_BYTES) != (ssize_t)sizeof(count))
		return 0;
	return ntohl(count);
}

static uint64_t count_packed(git_repository *repository)
{
	autofree char *path =
		text_format("%s/objects/pack", git_repository_commondir(repository));
	DIR *directory = opendir(path);
	const struct dirent *entry;
	uint64_t count = 0;

	while (directory && (entry = readdir(directory))) {
		const char *suffix = strrchr(entry->d_name, '.');

		if (suffix && strcmp(suffix, INDEX_SUFFIX) == 0)
			count += count_in_index(dirfd(directory), entry->d_name);
	}
	if (directory)
		(void)closedir(directory);
	return count;
}

size_t abbrev_length(git_repository *repository, const git_oid *id)
{
	uint64_t count = count_packed(repository);
	autoodb git_odb *odb = NULL;
	size_t bits = 0, length;
	git_oid found;

	for (; count > 0; count >>= 1)
		bits++;
	/* Half the bits more than the count's: about there two ids begin alike. */
	length = (bits + 1) / 2;
	if (length < LENGTH_MIN)
		length = LENGTH_MIN;
	if (git_repository_odb(&odb, repository) < 0)
		return GIT_OID_HEXSZ;
	while (length < GIT_OID_HEXSZ &&
	       git_odb_exists_prefix(&found, odb, id, length) == GIT_EAMBIGUOUS)
		length++;
	return length;
}
