/* SPDX-License-Identifier: MIT */
#include "git/library.h"

#include "base/error.h"
#include "base/memory.h"
#include "git/failure.h"

#include <git2.h>
#include <sys/resource.h>

/*
 * libgit2's start. Built with mbedTLS, as Debian does, it parses every certificate of the
 * machine there and then, a third of what a fetch that finds nothing new takes, and no
 * option prevents it. Without a descriptor to open the bundle with it goes on without
 * one, so where none is needed the limit of open files is 0 for that moment.
 */

/* No configuration but the mirror's own, which we write. */
static const int search_levels[] = {
	GIT_CONFIG_LEVEL_PROGRAMDATA,
	GIT_CONFIG_LEVEL_SYSTEM,
	GIT_CONFIG_LEVEL_XDG,
	GIT_CONFIG_LEVEL_GLOBAL,
};

static int init_bare(void)
{
	struct rlimit usual, none;
	int code;

	if (getrlimit(RLIMIT_NOFILE, &usual) < 0)
		return git_libgit2_init();
	none = (struct rlimit){ 0, usual.rlim_max };
	if (setrlimit(RLIMIT_NOFILE, &none) < 0)
		return git_libgit2_init();
	code = git_libgit2_init();
	/*
	 * The soft limit of our own process, back to what it was: nothing can refuse it.
	 */
	(void)setrlimit(RLIMIT_NOFILE, &usual);
	return code >= 0 ? code : git_libgit2_init();
}

int library_start(bool needs_certificates, struct error *err)
{
	int code = needs_certificates ? git_libgit2_init() : init_bare();

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

void library_stop(void)
{
	(void)git_libgit2_shutdown();
}
