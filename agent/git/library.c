/* SPDX-License-Identifier: MIT */
#include "git/library.h"

#include "base/error.h"
#include "base/memory.h"
#include "git/failure.h"

#include <errno.h>
#include <git2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

/*
 * libgit2's start. Built with mbedTLS, as Debian does, it parses every certificate of the
 * machine there and then, a third of what a fetch that finds nothing new takes, and no
 * option prevents it. Without a descriptor to open the bundle with it goes on without
 * one, so where none is needed the limit of open files is 0 for that moment.
 */

#if LIBRARY_IS_AT_LEAST(1, 7)
#define CONNECT_TIMEOUT_MS 15000
#define SERVER_TIMEOUT_MS 50000
#endif

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

/*
 * The variables that OpenSSL made the common way to name other certificates, and what of
 * them is there.
 */
struct trust {
	const char *file;
	const char *directory;
};

static int set_trust(const struct trust *trust, struct error *err)
{
	int code;

	if (!trust->file && !trust->directory)
		return 0;
	code = git_libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, trust->file,
				trust->directory);
	if (code < 0)
		return failure_set(
			err, code,
			"read the certificates that SSL_CERT_FILE or SSL_CERT_DIR names");
	return 0;
}

/*
 * Where libgit2 can give up by itself it does so shortly before the supervisor kills us
 * for our silence, and says what was silent.
 */
static int set_timeouts(void)
{
	int code = 0;

#if LIBRARY_IS_AT_LEAST(1, 7)
	code = git_libgit2_opts(GIT_OPT_SET_SERVER_CONNECT_TIMEOUT, CONNECT_TIMEOUT_MS);
	if (code >= 0)
		code = git_libgit2_opts(GIT_OPT_SET_SERVER_TIMEOUT, SERVER_TIMEOUT_MS);
#endif
	return code;
}

int library_require_ssh(struct error *err)
{
	bool has_ssh = git_libgit2_features() & GIT_FEATURE_SSH;

#if LIBRARY_IS_AT_LEAST(1, 9)
	/* The other one runs ssh, which reads keys from files. */
	const char *backend = git_libgit2_feature_backend(GIT_FEATURE_SSH);

	has_ssh = has_ssh && backend && strcmp(backend, "libssh2") == 0;
#endif
	if (has_ssh)
		return 0;
	return error_set(err, ENOTSUP,
			 "this machine's libgit2 was built without libssh2: use an "
			 "https:// address, or a libgit2 that has it");
}

int library_start(bool needs_certificates, struct error *err)
{
	struct trust trust = { 0 };
	int code;

	if (needs_certificates)
		trust = (struct trust){ getenv("SSL_CERT_FILE"), getenv("SSL_CERT_DIR") };
	code = needs_certificates && !trust.file && !trust.directory ? git_libgit2_init()
								     : init_bare();

	for (size_t i = 0; code >= 0 && i < ARRAY_COUNT(search_levels); i++)
		code = git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, search_levels[i], "");
	if (code >= 0)
		code = git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
	/* Every object is read once: a cache of up to 256 MB would only be filled. */
	if (code >= 0)
		code = git_libgit2_opts(GIT_OPT_ENABLE_CACHING, 0);
	if (code >= 0)
		code = set_timeouts();
	if (code < 0)
		return failure_set(err, code, "prepare libgit2");
	return set_trust(&trust, err);
}

void library_stop(void)
{
	(void)git_libgit2_shutdown();
}

#ifdef __SANITIZE_ADDRESS__
void library_may_leak(bool may_leak)
{
	if (may_leak)
		__lsan_disable();
	else
		__lsan_enable();
}
#else
void library_may_leak(bool may_leak)
{
	(void)may_leak;
}
#endif
