/* SPDX-License-Identifier: MIT */
#include "base/wire.h"
#include "tree/outputs.h"
#include "tree/tree.h"

#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>

/*
 * bootagent-tree: the worker that touches the application's directory, as the
 * application's user. One request a process (base/wire.h); it holds no state, and no
 * secret but the contents of linked files and a step's PATH, should that be one, and may
 * be killed at any point: every verb can be asked for again.
 */

int main(void)
{
	const struct wire_verb verbs[] = {
		{ "inspect", tree_inspect },
		{ "prepare", tree_prepare },
		{ "finish", tree_finish },
		{ "flush", tree_flush },
		{ "link", tree_link },
		{ "activate", tree_activate },
		{ "record", tree_record },
		{ "remove", tree_remove },
		{ "requirements", tree_requirements },
		{ "find-outputs", tree_find_outputs },
		{ "keep-outputs", tree_keep_outputs },
		{ "drop-outputs", tree_drop_outputs },
		{ NULL, NULL },
	};

	(void)prctl(PR_SET_NAME, "bootagent-tree");
	(void)umask(022);
	return wire_serve(verbs);
}
