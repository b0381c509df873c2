/* SPDX-License-Identifier: MIT */
#ifndef GIT_FILL_H
#define GIT_FILL_H

#include "git/pace.h"
#include "git/space.h"
#include "git/writer.h"

#include <stddef.h>
#include <stdint.h>

struct fill_level;

/*
 * An export on its way: which directories are open, what writes into them, what was made.
 * The caller sets up the writer; fill_done() closes what is open.
 */
struct fill {
	struct writer writer;
	struct space space; /* what is to come, for the progress */
	struct fill_level *levels;
	size_t depth, capacity;
	int64_t directories_count;
	struct pace pace;
};

/*
 * Writes a whole tree into the empty directory dir_fd, and says {"files", "bytes",
 * "total_files", "total_bytes"} as progress. As walk_tree() and writer_write(); -EPIPE:
 * nobody listens any more.
 */
int fill_directory(struct fill *fill, git_repository *repository, const git_oid *tree_id,
		   int dir_fd, struct error *err) __attribute__((warn_unused_result));
void fill_done(struct fill *fill);

#endif
