/* SPDX-License-Identifier: MIT */
#ifndef GIT_BUFFERS_H
#define GIT_BUFFERS_H

/* What libgit2 asks for in one piece of at least this size lies on the disk. */
#define BUFFERS_LARGE_BYTES (4 * 1024 * 1024)

/*
 * From here on libgit2's large buffers are unnamed files of the directory's file system,
 * mapped into memory, as far as it has room for them. The descriptor is borrowed for as
 * long as libgit2 is used. Once a process, after library_start().
 */
void buffers_use_directory(int dir_fd);

#endif
