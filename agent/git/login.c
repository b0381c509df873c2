/* SPDX-License-Identifier: MIT */
#include "git/login.h"

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "git/address.h"
#include "git/failure.h"

#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/*
 * The answer to "who are you?". libgit2 asks again and again for as long as it is
 * answered (facts G7), so each fetch answers once. Over plain HTTP a secret goes to this
 * machine itself only.
 */

#define USER_OF_TOKENS "x-access-token"
#define SEARCHED_FDS 64
#define RSA_FIT_VERSION 0x010b00 /* libssh2 1.11 signs with SHA-2 */

static void wipe_text(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

/* A copy of a secret of the request; the request has none of it afterwards. */
static char *take_secret(const struct json_object *request, const char *key)
{
	const char *text = json_string(request, key);
	char *copy = text_copy(text);

	if (text)
		explicit_bzero((char *)text, strlen(text));
	return copy;
}

static int check_token(const struct login *login, struct error *err)
{
	const struct address *address = login->address;

	if (address->scheme != ADDRESS_HTTP || address_is_loopback(address) ||
	    (!login->token && !address->user))
		return 0;
	return error_set(
		err, EPERM,
		"over http:// anybody on the way could read the %s: use https://",
		login->token ? "token" : "password in the address");
}

int login_read(const struct json_object *request, const struct address *address,
	       struct login *ret_login, struct error *err)
{
	struct login login = { .address = address };
	char *token = take_secret(request, "token");
	char *key = take_secret(request, "ssh_key");
	int result = 0;

	if (address->scheme == ADDRESS_SSH && key)
		result = key_parse(key, &login.key, err);
	if (address->scheme != ADDRESS_SSH) {
		login.token = TAKE(token);
		if (login.token)
			text_trim_end(login.token);
		result = check_token(&login, err);
	}
	wipe_text(token);
	wipe_text(key);
	if (result < 0) {
		login_done(&login);
		return result;
	}
	*ret_login = login;
	return 0;
}

void login_done(struct login *login)
{
	wipe_text(login->token);
	key_done(&login->key);
	*login = (struct login){ 0 };
}

/* libssh2 comes with libgit2, which does not tell its version. */
static const char *old_libssh2(void)
{
	const char *(*version)(int) = NULL;
	void *symbol = dlsym(RTLD_DEFAULT, "libssh2_version");

	memcpy(&version, &symbol, sizeof(version));
	return version && !version(RSA_FIT_VERSION) ? version(0) : NULL;
}

static int refuse_key(const struct key *key, struct error *err)
{
	const char *version = key_is_rsa(key) ? old_libssh2() : NULL;

	if (version)
		return error_set(
			err, EACCES,
			"the server refuses the RSA key: libssh2 %s signs only with "
			"SHA-1, which GitHub and OpenSSH since 8.8 do not take; use an "
			"ed25519 key (ssh-keygen -t ed25519)",
			version);
	if (key->public_line)
		return error_set(
			err, EACCES,
			"the server refuses the key: is '%s' a deploy key of this "
			"repository there?",
			key->public_line);
	return error_set(err, EACCES,
			 "the server refuses the key: is its public half a deploy key of "
			 "this repository there?");
}

static int answer_ssh(struct login *login, const char *user, unsigned int allowed,
		      git_credential **ret_credential, struct error *err)
{
	int code;

	if (!login->key.text)
		return error_set(err, EACCES,
				 "the server asks for a key, and none is configured: set "
				 "source.ssh_key_parameter");
	if (login->was_answered)
		return refuse_key(&login->key, err);
	if (!(allowed & GIT_CREDENTIAL_SSH_MEMORY))
		return error_set(err, EACCES,
				 "the server, or this libgit2, takes no key from us");
	code = git_credential_ssh_key_memory_new(ret_credential, user ? user : "git",
						 NULL, login->key.text, NULL);
	return code < 0 ? failure_set(err, code, "prepare the key") : 0;
}

static int answer_http(struct login *login, unsigned int allowed,
		       git_credential **ret_credential, struct error *err)
{
	const struct address *address = login->address;
	const char *user =
		address->user && *address->user ? address->user : USER_OF_TOKENS;
	const char *password = login->token ? login->token
		: address->password         ? address->password
					    : "";
	int code;

	if (!login->token && !address->user)
		return error_set(
			err, EACCES,
			"the server asks for credentials, and none are configured: "
			"set source.token_parameter");
	if (login_is_elsewhere(login))
		return error_set(err, EACCES,
				 "the server redirects to another port and asks for "
				 "credentials there: name the address it leads to");
	if (login->was_answered)
		return error_set(
			err, EACCES,
			"the server refuses the %s (HTTP status 401): it is wrong, "
			"or expired, or may not read this repository",
			login->token ? "token" : "user and password");
	if (!(allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT))
		return error_set(err, EACCES,
				 "the server takes neither a token nor a password");
	code = git_credential_userpass_plaintext_new(ret_credential, user, password);
	return code < 0 ? failure_set(err, code, "prepare the token") : 0;
}

int login_answer(struct login *login, const char *user, unsigned int allowed,
		 git_credential **ret_credential, struct error *err)
{
	int result = login->address->scheme == ADDRESS_SSH
		? answer_ssh(login, user, allowed, ret_credential, err)
		: answer_http(login, allowed, ret_credential, err);

	login->was_answered = login->was_answered || result == 0;
	return result;
}

/* The port at the other end of a TCP connection, 0 if the descriptor is none. */
static int port_of_peer(int fd)
{
	struct sockaddr_in6 peer = { 0 };
	socklen_t length_bytes = sizeof(peer), type_bytes = sizeof(int);
	int type = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_bytes) < 0 ||
	    type != SOCK_STREAM ||
	    getpeername(fd, (struct sockaddr *)&peer, &length_bytes) < 0)
		return 0;
	/* The port is at the same place in both families. */
	return peer.sin6_family == AF_INET || peer.sin6_family == AF_INET6
		? ntohs(peer.sin6_port)
		: 0;
}

bool login_is_elsewhere(const struct login *login)
{
	for (int fd = 0; fd < SEARCHED_FDS; fd++) {
		int port = port_of_peer(fd);

		if (port > 0 && port != login->address->port)
			return true;
	}
	return false;
}
