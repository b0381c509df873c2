/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "base/memory.h"
#include "base/wire.h"
#include "git/export.h"
#include "git/failure.h"
#include "git/fetch.h"

#include <git2.h>
#include <signal.h>
#include <sys/prctl.h>

/*
 * bootagent-source: the only executable that parses git data. It runs as an unprivileged
 * user, holds no secret, keeps no timer (the supervisor kills it at its deadline) and
 * answers one request. By hand:
 *
 *   echo '{"verb": "fetch", "repository": "/tmp/a.git", "url": "http://…", "ref":
 * "main"}' | bootagent-source
 */

/* No configuration but the mirror's own, which we write: facts G11. */
static const int search_levels[] = {
	GIT_CONFIG_LEVEL_PROGRAMDATA,
	GIT_CONFIG_LEVEL_SYSTEM,
	GIT_CONFIG_LEVEL_XDG,
	GIT_CONFIG_LEVEL_GLOBAL,
};

static int prepare_library(struct error *err)
{
	int code = git_libgit2_init();

	for (size_t i = 0; code >= 0 && i < ARRAY_COUNT(search_levels); i++)
		code = git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, search_levels[i], "");
	if (code >= 0)
		code = git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
	/* Every object is read once: a cache of up to 256 MB would only be filled. */
	if (code >= 0)
		code = git_libgit2_opts(GIT_OPT_ENABLE_CACHING, 0);
	if (code < 0)
		return failure_set(err, code, "prepare libgit2");
	return 0;
}

static const struct wire_verb verbs[] = {
	{ "fetch", fetch_perform },
	{ "export", export_perform },
	{ NULL, NULL },
};

int main(void)
{
	struct error err = { 0 };
	int status;

	/* By execveat, the kernel would have named us after a descriptor. */
	(void)prctl(PR_SET_NAME, "bootagent-source");
	/* A server that hangs up is an error with a sentence, not our death. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (prepare_library(&err) < 0)
		status = wire_send_error(&err) == 0 ? 1 : 2;
	else
		status = wire_serve(verbs);
	(void)git_libgit2_shutdown();
	return status;
}
