/* SPDX-License-Identifier: MIT */
#include "git/connection.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/wire.h"
#include "git/failure.h"
#include "git/handles.h"
#include "git/library.h"
#include "git/mirror.h"
#include "git/resolve.h"

#include <errno.h>
#include <string.h>

/*
 * The way to the server. libgit2 asks three questions while it connects: who we are, who
 * the server may be, and whether to go on; whichever we answer with no leaves its
 * sentence in `refusal`.
 *
 * SSH: the two sides agree on a kind of host key before the server shows one, and libgit2
 * asks for the kind that the first line of ~/.ssh/known_hosts has. So the mirror stands
 * in for the home, and one kind after the other is asked for, first those that are
 * pinned; which key is good is decided here alone.
 */

#define WORDS_MAX_BYTES 100
#define NO_COMMON_KIND "Unable to exchange encryption keys"

int connection_read(const struct json_object *request, struct connection *connection,
		    struct error *err)
{
	const char *url = NULL;
	int result = wire_require_string(request, "url", &url, err);

	if (result == 0)
		result = address_parse(url, &connection->address, err);
	if (result == 0)
		result = login_read(request, &connection->address, &connection->login,
				    err);
	if (result == 0 && connection->address.scheme == ADDRESS_SSH)
		result = hostkey_list_read(json_member(request, "host_keys",
						       json_type_array),
					   &connection->address, &connection->host_keys,
					   err);
	return result;
}

static int tell(struct connection *connection, struct json_object *line)
{
	if (wire_send_progress(line) == 0)
		return 0;
	return error_set(&connection->refusal, EPIPE,
			 "whoever asked for the fetch is gone") < 0
		? GIT_EUSER
		: 0;
}

static int on_progress(const git_indexer_progress *stats, void *payload)
{
	struct connection *connection = payload;
	struct json_object *line;

	connection->received = *stats;
	if (!pace_is_due(&connection->pace))
		return 0;
	line = json_new_object();
	json_set_integer(line, "received_objects", stats->received_objects);
	json_set_integer(line, "total_objects", stats->total_objects);
	json_set_integer(line, "received_bytes", (int64_t)stats->received_bytes);
	return tell(connection, line);
}

/*
 * A server may count and compress for minutes before the first byte of a pack. It tells
 * how far it is, and one that does is not silent.
 */
static int on_words(const char *words, int length, void *payload)
{
	struct connection *connection = payload;
	autofree char *text = NULL;
	struct json_object *line;

	if (length <= 0 || !pace_is_due(&connection->words_pace))
		return 0;
	text = text_format("%.*s", length < WORDS_MAX_BYTES ? length : WORDS_MAX_BYTES,
			   words);
	text[strcspn(text, "\r\n")] = '\0';
	text_make_printable(text);
	line = json_new_object();
	json_set_string(line, "server", text);
	return tell(connection, line);
}

static int on_question(git_credential **ret_credential, const char *url, const char *user,
		       unsigned int allowed, void *payload)
{
	struct connection *connection = payload;

	(void)url;
	if (login_answer(&connection->login, user, allowed, ret_credential,
			 &connection->refusal) == 0)
		return 0;
	return GIT_EUSER;
}

/* The host is the configured one: libgit2 follows no redirect to another. */
static int on_certificate(git_cert *shown, int is_valid, const char *host, void *payload)
{
	struct connection *connection = payload;

	(void)host;
	(void)is_valid;
	if (shown->cert_type == GIT_CERT_HOSTKEY_LIBSSH2) {
		const git_cert_hostkey *key = (const git_cert_hostkey *)shown;

		if (hostkey_list_has(&connection->host_keys, key))
			return 0;
		return hostkey_refuse(&connection->host_keys, key, &connection->refusal) <
				0
			? GIT_ECERTIFICATE
			: 0;
	}
	if (connection->login.was_answered && login_is_elsewhere(&connection->login))
		return error_set(&connection->refusal, EACCES,
				 "the server redirects to another port, where our "
				 "credentials do not go: name the address it leads to") <
				0
			? GIT_EUSER
			: 0;
	return GIT_PASSTHROUGH;
}

static void set_callbacks(struct connection *connection, git_remote_callbacks *callbacks)
{
	callbacks->credentials = on_question;
	callbacks->certificate_check = on_certificate;
	callbacks->transfer_progress = on_progress;
	callbacks->sideband_progress = on_words;
	callbacks->payload = connection;
}

static int fail(const struct connection *connection, int code, const char *what,
		struct error *err)
{
	if (connection->refusal.code == 0)
		return failure_set(err, code, "%s", what);
	*err = connection->refusal;
	return err->code;
}

static int connect_once(struct connection *connection, git_repository *repository,
			struct error *err)
{
	git_remote_create_options create;
	git_remote_connect_options connect;
	bool is_ssh = connection->address.scheme == ADDRESS_SSH;
	autoremote git_remote *remote = NULL;
	int code = git_remote_create_options_init(&create,
						  GIT_REMOTE_CREATE_OPTIONS_VERSION);

	if (code == 0)
		code = git_remote_connect_options_init(
			&connect, GIT_REMOTE_CONNECT_OPTIONS_VERSION);
	create.repository = repository;
	create.flags = GIT_REMOTE_CREATE_SKIP_INSTEADOF;
	if (code == 0)
		code = git_remote_create_with_opts(&remote, connection->address.url,
						   &create);
	if (code < 0)
		return failure_set(err, code, "prepare the fetch");
	set_callbacks(connection, &connect.callbacks);
	connect.proxy_opts.type = GIT_PROXY_NONE;
	/*
	 * "None" is no other host; to another path of the same host it goes (facts G7).
	 */
	connect.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
	if (is_ssh)
		library_may_leak(true);
	code = git_remote_connect_ext(remote, GIT_DIRECTION_FETCH, &connect);
	if (is_ssh)
		library_may_leak(false);
	if (code < 0)
		return fail(connection, code, "connect", err);
	connection->remote = TAKE(remote);
	return 0;
}

/* Without any preference where type is HOSTKEY_TYPE_COUNT. */
static int connect_asking_for(struct connection *connection, enum hostkey_type type,
			      const char *path, git_repository *repository,
			      struct error *err)
{
	autofree char *text = type == HOSTKEY_TYPE_COUNT
		? text_copy("")
		: hostkey_preference(connection->address.host, type);
	int result = mirror_write_known_hosts(path, text, err);

	return result < 0 ? result : connect_once(connection, repository, err);
}

/*
 * The last try has no wish: it shows what the server has. Where nothing is pinned the
 * best kind is asked for, since its line is the one to set.
 */
static bool is_asked_for(const struct connection *connection, enum hostkey_type type)
{
	if (type == HOSTKEY_TYPE_COUNT ||
	    (connection->host_keys.count == 0 && type == HOSTKEY_ED25519))
		return true;
	return hostkey_list_has_type(&connection->host_keys, type);
}

static int connect_ssh(struct connection *connection, const char *path,
		       git_repository *repository, struct error *err)
{
	int result = library_require_ssh(err);

	if (result < 0)
		return result;
	for (int type = 0; type <= HOSTKEY_TYPE_COUNT; type++) {
		if (!is_asked_for(connection, (enum hostkey_type)type))
			continue;
		result = connect_asking_for(connection, (enum hostkey_type)type, path,
					    repository, err);
		if (result == 0 || !strstr(err->text, NO_COMMON_KIND))
			return result;
	}
	return error_set(
		err, EPROTO,
		"the server and this machine's libssh2 know no common way to talk "
		"(%s)",
		NO_COMMON_KIND);
}

int connection_open(struct connection *connection, const char *path,
		    git_repository *repository, struct error *err)
{
	if (connection->address.scheme == ADDRESS_SSH)
		return connect_ssh(connection, path, repository, err);
	return connect_once(connection, repository, err);
}

int connection_download(struct connection *connection, const char *ref, bool is_first,
			struct error *err)
{
	autofree char *one = text_format("+%s:%s", ref ? ref : "", ref ? ref : "");
	char all_branches[] = "+refs/heads/*:refs/heads/*";
	char all_tags[] = "+refs/tags/*:refs/tags/*";
	char *all[] = { all_branches, all_tags };
	git_strarray refspecs = { ref ? &one : all, ref ? 1 : ARRAY_COUNT(all) };
	git_fetch_options options;
	int code = git_fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION);

	set_callbacks(connection, &options.callbacks);
	options.proxy_opts.type = GIT_PROXY_NONE;
	options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
	options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
	options.update_fetchhead = 0;
#if LIBRARY_IS_AT_LEAST(1, 7)
	/* Whoever looks for a commit by its id needs the history, too. */
	if (!ref)
		options.depth = GIT_FETCH_DEPTH_UNSHALLOW;
	else if (is_first)
		options.depth = 1;
#else
	(void)is_first;
#endif
	if (code == 0)
		code = git_remote_download(connection->remote, &refspecs, &options);
	return code < 0 ? fail(connection, code, "download", err) : 0;
}

void connection_close(struct connection *connection)
{
	if (connection->remote)
		(void)git_remote_disconnect(connection->remote);
	git_remote_free(connection->remote);
	login_done(&connection->login);
	hostkey_list_done(&connection->host_keys);
	address_done(&connection->address);
	*connection = (struct connection){ 0 };
}
