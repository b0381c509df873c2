/* SPDX-License-Identifier: MIT */
#ifndef TREE_TREE_H
#define TREE_TREE_H

#include <json-c/json.h>

struct error;

/*
 * What bootagent-tree does for the supervisor, one function a verb (struct wire_verb).
 * Every request has "verb" and "deploy_to", an absolute path; every error is one sentence
 * that says what failed, why, and what to do next. All of them block on the disk; the
 * supervisor kills the worker at its deadline, and any of them may be asked for again
 * after that.
 */

/*
 * Reads `current`, and a release that may be made current: {"candidate": NAME}, optional.
 * Result: {"current": null} if there is no such link, else
 * {"current": {"release": NAME, "revision": HEX or null}}; for a link that names no
 * release that is there {"current": {"release": null, "revision": null, "target": TEXT}}.
 * With a candidate also {"candidate": HEX or null}, what its REVISION says; with
 * {"fresh": NAME}, a name for a new release, also {"fresh": BOOL}, whether it is free.
 * -EISDIR, -EINVAL: a directory or a file stands at `current`; -EPERM, -EXDEV: releases/
 * or shared/ is not our user's, or on another mount.
 */
int tree_inspect(const struct json_object *request, struct json_object **ret_result,
		 struct error *err);

/*
 * {"release": NAME}: makes releases/, shared/ and the new, empty releases/NAME, synced.
 * Result: {"directory": PATH}. -EEXIST: that release is there already.
 */
int tree_prepare(const struct json_object *request, struct json_object **ret_result,
		 struct error *err);

/* {"release": NAME, "revision": HEX}: writes the release's REVISION, synced. */
int tree_finish(const struct json_object *request, struct json_object **ret_result,
		struct error *err);

/*
 * {"release": NAME, "revision": HEX}: all that steps wrote into the release is on the
 * disk. -ESTALE: as activate.
 */
int tree_flush(const struct json_object *request, struct json_object **ret_result,
	       struct error *err);

/*
 * {"release": NAME, "revision": HEX, "linked_files": [{"path": PATH, "content": TEXT or
 * absent}…], "linked_dirs": [PATH…]}: sees to it that shared/PATH is there, a file with
 * exactly that content and the mode 0600 (one without content must be there already) or a
 * directory, and that PATH in the release is a relative link to it, in place of what the
 * commit has there. Before or after finish. What is right already is left alone, and
 * nothing is written then. Result: {"written": [PATH of each file whose content was
 * written anew], "linked": N links made or changed}. -ENOENT: a file without content is
 * not in shared/; -ELOOP: a symbolic link is on the way; -EISDIR: a directory is where a
 * linked file belongs; -ESTALE: as activate.
 */
int tree_link(const struct json_object *request, struct json_object **ret_result,
	      struct error *err);

/*
 * {"release": NAME, "revision": HEX}: makes `current` the link to releases/NAME, after
 * all of the release is on the disk. Result: {"moved": BOOL, "previous": NAME or null},
 * where previous is the release that `current` meant before the call. -ESTALE: there is
 * no such release, or it is of another revision.
 */
int tree_activate(const struct json_object *request, struct json_object **ret_result,
		  struct error *err);

/*
 * {"release": NAME, "ruby": VERSION or absent}: which Ruby the release's Gemfile wants.
 * Result: {"wanted": TEXT, "source": PATH, "is_met": BOOL, whether that version will do,
 * "hint": VERSION, "hint_source": PATH, of a version manager's file}; what cannot be told
 * is left out. With {"program": bundler, or its Ruby, as the step's command has it,
 * "path": PATH} also {"ruby_path": PATH of that Ruby} or {"missing": NAME of what is not
 * in PATH}, as tree/ruby.h has it.
 */
int tree_requirements(const struct json_object *request, struct json_object **ret_result,
		      struct error *err);

/* {"line": TEXT}: appends one line to revisions.log, synced. -EINVAL: not one line. */
int tree_record(const struct json_object *request, struct json_object **ret_result,
		struct error *err);

/*
 * {"releases": [NAME…]}: removes exactly these below releases/; missing ones are fine. A
 * release loses its REVISION first, so that half of one is never activated. Progress:
 * {"release": NAME} as each begins, {"removed_entries": N} while it lasts. Result:
 * {"removed": N}, N releases that were there. -EBUSY, before anything is removed:
 * `current` means one of them. With "outputs", the releases are optional, and outputs of
 * steps go as well, see tree/outprune.h.
 */
int tree_remove(const struct json_object *request, struct json_object **ret_result,
		struct error *err);

#endif
