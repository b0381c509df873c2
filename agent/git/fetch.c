/* SPDX-License-Identifier: MIT */
#include "git/fetch.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/wire.h"
#include "git/connection.h"
#include "git/failure.h"
#include "git/library.h"
#include "git/mirror.h"
#include "git/resolve.h"
#include "git/store.h"

#include <errno.h>
#include <stdlib.h>
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
	struct connection connection;
};

static void done(struct fetch *fetch)
{
	connection_close(&fetch->connection);
	free(fetch->ref);
	git_repository_free(fetch->repository);
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
	return result;
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
	json_set_integer(result, "received_objects",
			 fetch->connection.received.received_objects);
	json_set_integer(result, "received_bytes",
			 (int64_t)fetch->connection.received.received_bytes);
	return result;
}

static int fetch_branch(struct fetch *fetch, struct json_object **ret_result,
			struct error *err)
{
	__attribute__((cleanup(resolve_done))) struct resolved wanted = { 0 };
	struct connection *connection = &fetch->connection;
	struct stored before = { 0 };
	int result = connection_open(connection, fetch->repository_path,
				     fetch->repository, err);

	if (result == 0)
		result = find_wanted(connection->remote, fetch->branch, &wanted, err);
	if (result < 0)
		return result;
	before = store_look_up(fetch->repository, &wanted);
	if (!before.is_current)
		result = connection_download(connection, &wanted, !before.is_there, err);
	if (result == 0 && !before.is_current)
		result = store_move(fetch->repository, &wanted, err);
	if (result == 0)
		*ret_result = describe(fetch, &wanted, &before);
	return result;
}

static int prepare(struct fetch *fetch, struct error *err)
{
	enum address_scheme scheme = fetch->connection.address.scheme;
	int result;

	(void)umask(FETCH_UMASK);
	/* libgit2 looks for known host keys at home; connection.c writes there. */
	if (scheme == ADDRESS_SSH && setenv("HOME", fetch->repository_path, 1) < 0)
		return error_set(err, errno, "set HOME: %s", strerror(errno));
	result = library_start(scheme == ADDRESS_HTTPS, err);
	if (result == 0)
		result = resolve_name(fetch->branch, &fetch->ref, err);
	if (result == 0)
		result = mirror_prepare(fetch->repository_path, fetch->ref, err);
	if (result == 0)
		result = mirror_open(fetch->repository_path, &fetch->repository, err);
	return result;
}

static int wrap(const struct fetch *fetch, struct error *err)
{
	autofree char *shown_url = text_copy(fetch->url);

	failure_hide_userinfo(shown_url);
	return error_wrap(err, "fetch '%s'", shown_url);
}

int fetch_perform(const struct json_object *request, struct json_object **ret_result,
		  struct error *err)
{
	__attribute__((cleanup(done))) struct fetch fetch = { 0 };
	int result = read_request(request, &fetch, err);

	if (result < 0)
		return result;
	if (connection_read(request, &fetch.connection, err) < 0)
		return wrap(&fetch, err);
	result = prepare(&fetch, err);
	if (result < 0)
		return result;
	return fetch_branch(&fetch, ret_result, err) < 0 ? wrap(&fetch, err) : 0;
}
