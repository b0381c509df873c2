/* SPDX-License-Identifier: MIT */
#include "base/process.h"
#include "base/wire.h"
#include "git/discard.h"
#include "git/export.h"
#include "git/fetch.h"
#include "git/library.h"

#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>

/*
 * bootagent-source: the only executable that parses git data. It runs as an unprivileged
 * user, holds no secret, keeps no timer (the supervisor kills it at its deadline) and
 * answers one request. By hand:
 *
 *   echo '{"verb": "fetch", "repository": "/tmp/a.git", "url": "http://…", "ref":
 * "main"}' | bootagent-source
 */

static const struct wire_verb verbs[] = {
	{ "fetch", fetch_perform },
	{ "sweep", fetch_sweep_perform },
	{ "export", export_perform },
	{ "discard", discard_perform },
	{ NULL, NULL },
};

int main(void)
{
	int status;

	/* By execveat, the kernel would have named us after a descriptor. */
	(void)prctl(PR_SET_NAME, "bootagent-source");
	/* A server that hangs up is an error with a sentence, not our death. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* What a server sends is held in memory, and libgit2 knows no measure there. */
	process_offer_to_oom_killer();
	status = wire_serve(verbs);
	library_stop();
	return status;
}
