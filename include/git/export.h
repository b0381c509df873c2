/* SPDX-License-Identifier: MIT */
#ifndef GIT_EXPORT_H
#define GIT_EXPORT_H

#include <json-c/json.h>

struct error;

/*
 * The verb "export": writes the files of one revision into an existing, empty directory,
 * as `git archive` would: without what is marked export-ignore in the revision's own
 * .gitattributes, with export-subst, ident and eol=crlf done, and with the modes that a
 * umask of 022 gives.
 *
 *   request   {"repository": "/abs/NAME.git", "revision": "full hex",
 *              "directory": "/abs/…", optional "deploy_to": "/abs/…": the directory
 *              that everything but the mirror lies in, and this process stays in,
 *              and to save work, all optional:
 *              "store": "/abs/…", made in a directory that is there; keeps a manifest a
 *              release, "previous": {"directory", "revision"}, an export into that store,
 *              "reuse": "copy" (the default), "hardlink" or "none"}
 *   progress  {"files", "bytes", "total_files", "total_bytes"}
 *   result    {"files", "symlinks", "directories", "submodules", "bytes",
 *              "reused": files taken from the previous release,
 *              "warnings": [sentences: submodules, filters that were not run, …]}
 *
 * None of these paths leads through a symbolic link, but that of the mirror. Everything
 * is on the disk when the result is sent. After an error the directory holds
 * whatever was written so far. -ENOTEMPTY: something is in the directory; -ENOENT: the
 * mirror does not have the revision; -ENOSPC, -EDQUOT: no room, with the numbers, if
 * possible before anything is written; -EBADMSG: the tree holds what must not become a
 * file, or has pointers of Git LFS in the place of files; -EUCLEAN: the mirror is
 * damaged, and is to be made anew.
 */
int export_perform(const struct json_object *request, struct json_object **ret_result,
		   struct error *err) __attribute__((warn_unused_result));

#endif
