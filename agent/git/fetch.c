/* SPDX-License-Identifier: MIT */
#include "git/fetch.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/wire.h"
#include "git/failure.h"
#include "git/handles.h"
#include "git/library.h"
#include "git/mirror.h"
#include "git/pace.h"
#include "git/resolve.h"
#include "git/store.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/*
 * One contact with the server: connect, read its refs, and stop there if the mirror
 * already has what the branch points to. Otherwise the same connection brings the one
 * branch. The ref is moved by us, after the commit and its tree were read back: libgit2's
 * own "fetch" moves it first, and calls a fetch that could not store its result a success
 * (facts G2, G3). A forced push is followed; the result says where the branch was before.
 *
 * Nothing here waits with a limit: libgit2 1.5 has no timeouts, so the supervisor watches
 * the progress lines and kills us.
 */

#define FETCH_UMASK 027

struct fetch {
	const char *repository_path;
	const char *url;
	const char *branch;
	char *ref; /* the branch in full */
	git_repository *repository;
	struct pace pace;
	git_indexer_progress received;
	bool credentials_were_asked;
	bool is_unheard;
};

static void done(struct fetch *fetch)
{
	free(fetch->ref);
	git_repository_free(fetch->repository);
}

static bool has_scheme(const struct fetch *fetch, const char *scheme)
{
	return strncasecmp(fetch->url, scheme, strlen(scheme)) == 0;
}

static int read_request(const struct json_object *request, struct fetch *fetch,
			struct error *err)
{
	int result =
		wire_require_string(request, "repository", &fetch->repository_path, err);

	if (result == 0)
		result = wire_require_string(request, "url", &fetch->url, err);
	if (result == 0)
		result = wire_require_string(request, "ref", &fetch->branch, err);
	if (result < 0)
		return result;
	if (has_scheme(fetch, "http://") || has_scheme(fetch, "https://"))
		return 0;
	return error_set(
		err, EINVAL,
		"only http:// and https:// addresses can be fetched from so far");
}

static int on_progress(const git_indexer_progress *stats, void *payload)
{
	struct fetch *fetch = payload;
	struct json_object *line;

	fetch->received = *stats;
	if (!pace_is_due(&fetch->pace))
		return 0;
	line = json_new_object();
	json_set_integer(line, "received_objects", stats->received_objects);
	json_set_integer(line, "total_objects", stats->total_objects);
	json_set_integer(line, "received_bytes", (int64_t)stats->received_bytes);
	fetch->is_unheard = wire_send_progress(line) < 0;
	return fetch->is_unheard ? GIT_EUSER : 0;
}

static int on_credentials(git_credential **ret_credential, const char *url,
			  const char *user_from_url, unsigned int allowed, void *payload)
{
	struct fetch *fetch = payload;

	(void)ret_credential;
	(void)url;
	(void)user_from_url;
	(void)allowed;
	fetch->credentials_were_asked = true;
	return GIT_EAUTH;
}

static int fail(const struct fetch *fetch, int code, const char *what, struct error *err)
{
	if (fetch->credentials_were_asked)
		return error_set(
			err, EACCES,
			"the server asks for credentials, and none are configured");
	if (fetch->is_unheard)
		return error_set(err, EPIPE, "whoever asked for the fetch is gone");
	return failure_set(err, code, "%s", what);
}

static int connect_remote(struct fetch *fetch, git_remote **ret_remote, struct error *err)
{
	git_remote_create_options create;
	git_remote_connect_options connect;
	autoremote git_remote *remote = NULL;
	int code = git_remote_create_options_init(&create,
						  GIT_REMOTE_CREATE_OPTIONS_VERSION);

	if (code == 0)
		code = git_remote_connect_options_init(
			&connect, GIT_REMOTE_CONNECT_OPTIONS_VERSION);
	create.repository = fetch->repository;
	create.flags = GIT_REMOTE_CREATE_SKIP_INSTEADOF;
	if (code == 0)
		code = git_remote_create_with_opts(&remote, fetch->url, &create);
	if (code < 0)
		return failure_set(err, code, "prepare the fetch");
	connect.callbacks.credentials = on_credentials;
	connect.callbacks.payload = fetch;
	connect.proxy_opts.type = GIT_PROXY_NONE;
	/*
	 * "None" is no other host; to another path of the same host it goes (facts G7).
	 */
	connect.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
	code = git_remote_connect_ext(remote, GIT_DIRECTION_FETCH, &connect);
	if (code < 0)
		return fail(fetch, code, "connect", err);
	*ret_remote = TAKE(remote);
	return 0;
}

static int find_wanted(git_remote *remote, const char *branch,
		       struct resolved *ret_wanted, struct error *err)
{
	const git_remote_head **heads = NULL;
	size_t head_count = 0;
	int code = git_remote_ls(&heads, &head_count, remote);

	if (code < 0)
		return failure_set(err, code, "list the server's refs");
	return resolve_branch((const git_remote_head *const *)heads, head_count, branch,
			      ret_wanted, err);
}

static int download(struct fetch *fetch, git_remote *remote,
		    const struct resolved *wanted, struct error *err)
{
	autofree char *refspec = text_format("+%s:%s", wanted->ref, wanted->ref);
	git_strarray refspecs = { &refspec, 1 };
	git_fetch_options options;
	int code = git_fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION);

	options.callbacks.transfer_progress = on_progress;
	options.callbacks.credentials = on_credentials;
	options.callbacks.payload = fetch;
	options.proxy_opts.type = GIT_PROXY_NONE;
	options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
	options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
	options.update_fetchhead = 0;
	if (code == 0)
		code = git_remote_download(remote, &refspecs, &options);
	if (code < 0)
		return fail(fetch, code, "download", err);
	return 0;
}

static struct json_object *describe(const struct fetch *fetch,
				    const struct resolved *wanted,
				    const struct stored *before)
{
	struct json_object *result = json_new_object();
	char revision[GIT_OID_HEXSZ + 1], previous[GIT_OID_HEXSZ + 1];

	(void)git_oid_tostr(revision, sizeof(revision), &wanted->id);
	(void)git_oid_tostr(previous, sizeof(previous), &before->id);
	json_set_string(result, "revision", revision);
	json_set_string(result, "ref", wanted->ref);
	json_set_string(result, "previous_revision", before->is_there ? previous : NULL);
	json_set_boolean(result, "fetched", !before->is_current);
	json_set_integer(result, "received_objects", fetch->received.received_objects);
	json_set_integer(result, "received_bytes",
			 (int64_t)fetch->received.received_bytes);
	return result;
}

static int fetch_branch(struct fetch *fetch, struct json_object **ret_result,
			struct error *err)
{
	__attribute__((cleanup(resolve_done))) struct resolved wanted = { 0 };
	autoremote git_remote *remote = NULL;
	struct stored before = { 0 };
	int result = connect_remote(fetch, &remote, err);

	if (result == 0)
		result = find_wanted(remote, fetch->branch, &wanted, err);
	if (result < 0)
		return result;
	before = store_look_up(fetch->repository, &wanted);
	if (!before.is_current)
		result = download(fetch, remote, &wanted, err);
	(void)git_remote_disconnect(remote);
	if (result == 0 && !before.is_current)
		result = store_move(fetch->repository, &wanted, err);
	if (result == 0)
		*ret_result = describe(fetch, &wanted, &before);
	return result;
}

int fetch_perform(const struct json_object *request, struct json_object **ret_result,
		  struct error *err)
{
	__attribute__((cleanup(done))) struct fetch fetch = { 0 };
	autofree char *shown_url = NULL;
	int result = read_request(request, &fetch, err);

	(void)umask(FETCH_UMASK);
	if (result == 0)
		result = library_start(has_scheme(&fetch, "https://"), err);
	if (result == 0)
		result = resolve_name(fetch.branch, &fetch.ref, err);
	if (result == 0)
		result = mirror_prepare(fetch.repository_path, fetch.ref, err);
	if (result == 0)
		result = mirror_open(fetch.repository_path, &fetch.repository, err);
	if (result < 0)
		return result;
	if (fetch_branch(&fetch, ret_result, err) == 0)
		return 0;
	shown_url = text_copy(fetch.url);
	failure_hide_userinfo(shown_url);
	return error_wrap(err, "fetch '%s'", shown_url);
}
