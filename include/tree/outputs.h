/* SPDX-License-Identifier: MIT */
#ifndef TREE_OUTPUTS_H
#define TREE_OUTPUTS_H

struct error;
struct json_object;

/*
 * What bootagent-tree does about the outputs of a step. The requests are one, with
 * {"release": NAME, "revision": HEX, "run": ID, "step": NAME, "command": [TEXT…],
 * "inputs": [PATH…], "outputs": [PATH…], "environment": [NAME=VALUE…], "key_command":
 * [TEXT…], "answer": TEXT}, the last two only if there is a key_command. Errors are those
 * of a bad request, and -ENOENT: an input is not in the release; -ESTALE: as activate.
 */

/*
 * Before the step. Without an answer to key_command also {"path": PATH, "remembered":
 * {"tool": {…}, "answer": TEXT}}: the answer is used if the tool is still the same. Else
 * the result is {"ask": true, "tool": {…} or null}: it is to be asked, its answer sent
 * with the same request, and remembered with this tool (null: not at all).
 * Result: {"key": HEX, "hit": BOOL, "answer": TEXT or null}. With a hit the release has
 * the outputs, and the step need not run. Else its links lead to empty directories, which
 * it fills. -EEXIST: the commit has something at an output.
 */
int tree_find_outputs(const struct json_object *request, struct json_object **ret_result,
		      struct error *err);

/*
 * After the step, with "key": keeps what it made under its key, on the disk. Result:
 * {"stored": BOOL, "why": null, "inputs" or "replaced", "size_bytes": N}. Not stored, and
 * left to this release alone: "inputs", the step changed what it reads; "replaced", it
 * put something else in the place of a link.
 */
int tree_keep_outputs(const struct json_object *request, struct json_object **ret_result,
		      struct error *err);

/* After a step that failed: removes what it made, and its links. */
int tree_drop_outputs(const struct json_object *request, struct json_object **ret_result,
		      struct error *err);

#endif
