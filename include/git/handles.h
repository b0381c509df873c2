/* SPDX-License-Identifier: MIT */
#ifndef GIT_HANDLES_H
#define GIT_HANDLES_H

#include <git2.h>

/* libgit2's handles, given back at the end of their scope; NULL is fine. */
#define HANDLE_CLEANUP(type, release)                       \
	static inline void handle_put_##type(type **handle) \
	{                                                   \
		release(*handle);                           \
	}

HANDLE_CLEANUP(git_blob, git_blob_free)
HANDLE_CLEANUP(git_commit, git_commit_free)
HANDLE_CLEANUP(git_object, git_object_free)
HANDLE_CLEANUP(git_odb, git_odb_free)
HANDLE_CLEANUP(git_odb_object, git_odb_object_free)
HANDLE_CLEANUP(git_reference, git_reference_free)
HANDLE_CLEANUP(git_reference_iterator, git_reference_iterator_free)
HANDLE_CLEANUP(git_remote, git_remote_free)
HANDLE_CLEANUP(git_repository, git_repository_free)
HANDLE_CLEANUP(git_tree, git_tree_free)

#define autoblob __attribute__((cleanup(handle_put_git_blob)))
#define autocommit __attribute__((cleanup(handle_put_git_commit)))
#define autoobject __attribute__((cleanup(handle_put_git_object)))
#define autoodb __attribute__((cleanup(handle_put_git_odb)))
#define autoodbobject __attribute__((cleanup(handle_put_git_odb_object)))
#define autoreference __attribute__((cleanup(handle_put_git_reference)))
#define autorefiterator __attribute__((cleanup(handle_put_git_reference_iterator)))
#define autoremote __attribute__((cleanup(handle_put_git_remote)))
#define autorepository __attribute__((cleanup(handle_put_git_repository)))
#define autotree __attribute__((cleanup(handle_put_git_tree)))

#endif
