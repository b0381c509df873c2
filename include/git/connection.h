/* SPDX-License-Identifier: MIT */
#ifndef GIT_CONNECTION_H
#define GIT_CONNECTION_H

#include "base/error.h"
#include "git/address.h"
#include "git/hostkey.h"
#include "git/login.h"
#include "git/pace.h"

#include <git2.h>
#include <json-c/json.h>
#include <stdbool.h>

struct resolved;

/* One contact with a git server. connection_close() ends it at any stage. */
struct connection {
	struct address address;
	struct login login;
	struct hostkey_list host_keys;
	git_remote *remote;
	struct pace pace, words_pace;
	git_indexer_progress received;
	struct error refusal; /* why one of our own answers to libgit2 ended it */
};

/*
 * Reads "url" and what goes with it: "token", "ssh_key", "host_keys". It may not move in
 * memory afterwards. Errors: those of address.h, login.h and hostkey.h.
 */
int connection_read(const struct json_object *request, struct connection *connection,
		    struct error *err) __attribute__((warn_unused_result));

/*
 * Connects, for the mirror at `path`, which is open as `repository`. Blocks for as long
 * as the server is silent. Errors: those of failure.h; -EACCES: it does not take us;
 * -EKEYREJECTED: we do not take it; -ENOTSUP: this libgit2 has no SSH.
 */
int connection_open(struct connection *connection, const char *path,
		    git_repository *repository, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Brings one ref; of a first fetch only the newest commit, if libgit2 can do that. For a
 * NULL ref all branches and tags; where they go, store.c says. Progress lines tell what
 * came and, before that, what the server says of its work. -EPIPE: whoever reads them is
 * gone.
 */
int connection_download(struct connection *connection, const char *ref, bool is_first,
			struct error *err) __attribute__((warn_unused_result));

void connection_close(struct connection *connection);

#endif
