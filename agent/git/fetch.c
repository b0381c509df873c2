/* SPDX-License-Identifier: MIT */
#include "git/fetch.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/wire.h"
#include "git/connection.h"
#include "git/damage.h"
#include "git/failure.h"
#include "git/find.h"
#include "git/handles.h"
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
 * already has what the wanted one points to. Otherwise the same connection brings that
 * ref, or for an id that no ref stands at, every branch and tag. The ref is moved by us,
 * after the commit and its tree were read back: libgit2's own "fetch" moves it first, and
 * calls a fetch that could not store its result a success (facts G2, G3). A forced push
 * is followed; the result says where the branch was before. A commit that is here already
 * and is asked for by its full id needs no contact at all (facts G12).
 *
 * Nothing here waits with a limit: libgit2 1.5 has no timeouts, so the supervisor watches
 * the progress lines and kills us.
 */

#define FETCH_UMASK 027

struct fetch {
	const char *repository_path;
	const char *url;
	const char *name;  /* what is wanted: a branch, a tag or an id */
	char *head_ref;    /* what HEAD says: a branch of that name */
	bool had_contents; /* the mirror, before we came */
	git_repository *repository;
	struct connection connection;
};

static void done(struct fetch *fetch)
{
	connection_close(&fetch->connection);
	free(fetch->head_ref);
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
		result = wire_require_string(request, "ref", &fetch->name, err);
	return result;
}

static int list_heads(git_remote *remote, const git_remote_head *const **ret_heads,
		      size_t *ret_count, struct error *err)
{
	const git_remote_head **heads = NULL;
	int code = git_remote_ls(&heads, ret_count, remote);

	if (code < 0)
		return failure_set(err, code, "list the server's refs");
	*ret_heads = (const git_remote_head *const *)heads;
	return 0;
}

static int find_wanted(git_remote *remote, const char *name, struct resolved *ret_wanted,
		       struct error *err)
{
	const git_remote_head *const *heads = NULL;
	size_t head_count = 0;
	int result = list_heads(remote, &heads, &head_count, err);

	return result < 0 ? result : resolve(heads, head_count, name, ret_wanted, err);
}

/* Now that everything is here: which commit the id begins. */
static int find_by_id(struct fetch *fetch, git_oid *ret_id, struct error *err)
{
	const git_remote_head *const *heads = NULL;
	size_t head_count = 0;
	int result = find_commit(fetch->repository, fetch->name, ret_id, err);

	if (result != -ENOENT)
		return result;
	result = list_heads(fetch->connection.remote, &heads, &head_count, err);
	if (result < 0)
		return result;
	return resolve_missing(heads, head_count, fetch->name, err);
}

static int bring(struct fetch *fetch, struct resolved *wanted, bool is_first,
		 struct error *err)
{
	int result = connection_download(&fetch->connection, wanted->remote_ref, is_first,
					 err);

	if (result < 0)
		return result;
	result = wanted->remote_ref
		? find_peeled(fetch->repository, &wanted->id, &wanted->id, err)
		: find_by_id(fetch, &wanted->id, err);
	return result < 0 ? result : store_move(fetch->repository, wanted, err);
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

static int fetch_wanted(struct fetch *fetch, struct json_object **ret_result,
			struct error *err)
{
	__attribute__((cleanup(resolve_done))) struct resolved wanted = { 0 };
	struct connection *connection = &fetch->connection;
	struct stored before = { 0 };
	bool is_held = find_held(fetch->repository, fetch->name, &wanted);
	int result = is_held ? 0
			     : connection_open(connection, fetch->repository_path,
					       fetch->repository, err);

	if (result == 0 && !is_held)
		result = find_wanted(connection->remote, fetch->name, &wanted, err);
	if (result < 0)
		return result;
	before = store_look_up(fetch->repository, &wanted);
	if (is_held && !before.is_current)
		result = store_move(fetch->repository, &wanted, err);
	else if (!before.is_current)
		result = bring(fetch, &wanted, !before.is_there, err);
	if (result < 0)
		return result;
	before.is_current |= is_held;
	*ret_result = describe(fetch, &wanted, &before);
	return 0;
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
		result = resolve_name(fetch->name, &fetch->head_ref, err);
	if (result == 0)
		result = mirror_prepare(fetch->repository_path, fetch->head_ref, err);
	fetch->had_contents = result == 0 && damage_is_possible(fetch->repository_path);
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
		return damage_judge(fetch.repository_path, err);
	if (fetch_wanted(&fetch, ret_result, err) == 0)
		return 0;
	result = wrap(&fetch, err);
	if (result == -EUCLEAN && !fetch.had_contents)
		return err->code = -EBADMSG;
	return damage_judge(fetch.repository_path, err);
}

int fetch_sweep_perform(const struct json_object *request,
			struct json_object **ret_result, struct error *err)
{
	const char *path = NULL;
	int result = wire_require_string(request, "repository", &path, err);

	*ret_result = NULL;
	return result < 0 ? result : mirror_sweep(path, err);
}
